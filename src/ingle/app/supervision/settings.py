"""The settings of every program, from what `ingle up` was told; apart from `config`, because it knows all programs."""

import dataclasses
import secrets
from collections.abc import Sequence

import msgspec

from ingle.app.config import Installation, Options, packages_dir
from ingle.control import ControlSettings, UrlSettings
from ingle.gateway import GatewaySettings
from ingle.links.tokens import Links
from ingle.spawner.runtimes import Runtime
from ingle.worker import RuntimeEntry, WorkerSettings


class Programs(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the programs."""

    control: ControlSettings
    gateway: GatewaySettings
    worker: WorkerSettings
    runtimes: list[dict[str, str]]
    """What the spawner is told of the runtimes of this host: it looks for none itself."""


def build_settings(
    options: Options,
    installation: Installation,
    listeners: Sequence[int],
    driver: str,
    found: Sequence[Runtime],
) -> Programs:
    """Return every program's settings; each gets the tokens of its own links only."""
    run_dir = str(options.data_dir / "run")
    token = {name: secrets.token_hex(24) for name in ("control_gateway", "control_worker", "gateway", "worker")}

    def links(*names: str) -> Links:
        return Links(**{name: token[name] for name in names})

    runtimes = [RuntimeEntry(fingerprint=one.fingerprint, name=one.name, interpreter=one.interpreter) for one in found]
    return Programs(
        control=ControlSettings(
            data_dir=str(options.data_dir),
            run_dir=run_dir,
            account=installation.account,
            installation=installation.id,
            runtimes=[entry.name for entry in runtimes],
            concurrency_limit=options.concurrency,
            call_rate=options.call_rate,
            event_retry_s=options.event_retry_s,
            urls=UrlSettings(domain=options.domain, port=options.port, https_port=options.https_port),
            https_port=options.https_port,
            s3_endpoint=options.s3_endpoint,
            links=links("control_gateway", "control_worker", "gateway"),
        ),
        gateway=GatewaySettings(
            run_dir=run_dir,
            account=installation.account,
            installation=installation.id,
            listener=listeners[0],
            secure_listener=listeners[1] if len(listeners) > 1 else None,
            concurrency_limit=options.concurrency,
            environment_hours=options.environment_hours,
            url_domain=options.domain,
            isolation=driver,
            cert_file=str(options.data_dir / "tls" / "server.pem"),
            links=links("control_gateway", "gateway", "worker"),
        ),
        worker=WorkerSettings(
            run_dir=run_dir,
            socket="worker-1.sock",
            keep_free_mib=options.keep_free_mib,
            chunks_dir=str(options.data_dir / "chunks"),
            packages_dir=str(packages_dir()),
            driver=driver,  # type: ignore[arg-type]
            insecure=options.insecure,
            runtimes=runtimes,
            links=links("control_worker", "worker"),
        ),
        runtimes=[dataclasses.asdict(one) for one in found],
    )

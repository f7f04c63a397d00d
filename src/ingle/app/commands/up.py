"""`ingle up`: checks what it was told, takes the ports, then runs the programs until it is told to stop."""

import asyncio
import contextlib
import sys
from pathlib import Path

from ingle.app.commands.doctor import examine_host
from ingle.app.config import (
    ISOLATIONS,
    NO_USE,
    ConfigurationError,
    Installation,
    Options,
    check_domain,
    check_endpoint,
    check_port,
    packages_dir,
    prepare_data_dir,
)
from ingle.app.front_ports import Health, ask_health, bind_ports, reach
from ingle.app.languages.interpreters import find_runtimes
from ingle.app.supervision import sd_notify
from ingle.app.supervision.delegation import occupy
from ingle.app.supervision.isolation import decide_isolation, isolation_before, keep_isolation
from ingle.app.supervision.settings import build_settings
from ingle.app.supervision.supervised import Ending
from ingle.app.supervision.supervisor import Supervisor, lock
from ingle.app.tls.certificates import (
    authority_file,
    check_certificate_options,
    http_address,
    https_address,
    keep_certificate,
    renew_certificate,
)
from ingle.cli.output import console
from ingle.transport.lifeline import SIGNALS

_SLOW_S = 20.0
_LOOK_AGAIN_S = 0.02


def run_installation(options: Options) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status. Raises ConfigurationError before anything is started."""
    _check(options)
    try:
        installation = prepare_data_dir(options.data_dir, options.account)
        _held_until_exit = lock(options.data_dir)
    except OSError as error:
        raise ConfigurationError(f"{error.filename or options.data_dir} can't be used: {error.strerror}") from None
    before = isolation_before(options.data_dir)
    isolation = decide_isolation(options.isolation, examine_host(), insecure=options.insecure, before=before)
    ports = {"--port": options.port} | ({"--https-port": options.https_port} if options.https_port else {})
    listeners = bind_ports(options.host, ports)
    keep_isolation(options.data_dir, isolation.driver)
    if isolation.is_delegated:
        occupy(Path(isolation.groups))
    if options.https_port is not None and (made := keep_certificate(options)) is not None:
        _tell(made)
    numbers = [one.fileno() for one in listeners]
    programs = build_settings(options, installation, numbers, isolation.driver, find_runtimes(str(packages_dir())))
    ending = asyncio.run(_serve(Supervisor(options, programs, isolation, listeners, _tell), options, installation))
    if ending is None:
        return 0
    _tell(f"{ending.name} can't start: {ending.reason or ending}")
    return ending.status if ending.status == NO_USE else 1


def _check(options: Options) -> None:
    if options.isolation not in ISOLATIONS:
        raise ConfigurationError(f"--isolation is one of {', '.join(ISOLATIONS)}")
    check_port("--port", options.port)
    check_port("--https-port", options.https_port)
    check_domain(options.domain)
    check_certificate_options(options)
    if options.s3_endpoint is not None:
        check_endpoint(options.s3_endpoint)


def _tell(text: str) -> None:
    """Show a line to whoever has started Ingle, an init system's journal perhaps."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"ingle: {text}\n")
        sys.stderr.flush()


async def _serve(supervisor: Supervisor, options: Options, installation: Installation) -> Ending | None:
    stopped = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    serving = asyncio.create_task(supervisor.run(stopped))
    if await _wait_healthy(options, installation, stopped):
        _announce(options)
        console.print(
            f"  data       {options.data_dir}\n  isolation  {supervisor.isolation.driver} ({supervisor.isolation.why})",
            highlight=False,
        )
        console.print(f'  next       eval "$(ingle env --data {options.data_dir})"', highlight=False)
        sd_notify.tell("READY=1")
        keeping = asyncio.create_task(sd_notify.keep_alive(lambda: _is_served(options)))
        renewing = asyncio.create_task(renew_certificate(options, _tell))
        await stopped.wait()
        keeping.cancel()
        renewing.cancel()
    sd_notify.tell("STOPPING=1")
    return await serving


def _announce(options: Options) -> None:
    """Say where Ingle serves, to people and in `run/` for the commands."""
    run_dir, endpoint, https = options.data_dir / "run", http_address(options), https_address(options)
    (run_dir / "endpoint").write_text(endpoint)
    if https is None:
        (run_dir / "https").unlink(missing_ok=True)
    else:
        (run_dir / "https").write_text(https)
    console.print(f"[bold]Ingle[/] serves {endpoint}", highlight=False)
    if https is not None:
        authority = authority_file(options)
        trust = f"its clients trust {authority}" if authority is not None else f"with {options.cert}"
        console.print(f"  https      {https} ({trust})", highlight=False)


async def _wait_healthy(options: Options, installation: Installation, stopped: asyncio.Event) -> bool:
    """Return true as soon as an invocation would be served, false where Ingle is stopped before."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not stopped.is_set():
        asking = asyncio.create_task(asyncio.to_thread(ask_health, options.host, options.port))
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if asking.done() and _serves(asking.result(), installation):
            return True
        if loop.time() - began > _SLOW_S:
            console.print(f"[yellow]not ready yet[/]; see {options.data_dir / 'programs.log'}")
            began = loop.time()
        await asyncio.sleep(_LOOK_AGAIN_S)
    return False


def _serves(told: Health, installation: Installation) -> bool:
    """Say whether it is this installation that answers, and serves, be it with a full disk."""
    return told.status in ("ok", "degraded") and told.installation == installation.id


async def _is_served(options: Options) -> bool:
    """Say whether somebody accepts connections at the port and answers."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(reach(options.host), options.port)
            writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = await reader.read(12)
            writer.close()
    except (OSError, TimeoutError):
        return False
    return answer.startswith(b"HTTP/1.1")

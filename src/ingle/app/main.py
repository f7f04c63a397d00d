"""The `ingle` command: what starts and examines an installation, beside the clients of `ingle.cli`."""

import asyncio
import json
import os
import signal
import sys
import time
import urllib.request
from pathlib import Path
from typing import Annotated

import typer

from ingle.app.config import (
    DEFAULT_PORT,
    ENVIRONMENT_HOURS,
    ISOLATIONS,
    KEEP_FREE_MIB,
    WORKER_HOURS,
    ConfigurationError,
    Options,
    build_settings,
    check_domain,
    check_endpoint,
    default_data_dir,
    prepare_data_dir,
)
from ingle.cli import commands
from ingle.cli.output import console, fail

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
commands.add_to(app)

Data = Annotated[
    Path | None, typer.Option("--data", help="Where everything lives. Default: $INGLE_DATA, else ~/.local/share/ingle.")
]


async def _serve(options: Options, driver: str, why: str, account: str) -> None:
    from ingle.app.doctor import host_runtimes
    from ingle.app.supervisor import Supervisor

    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    supervisor = Supervisor(options, build_settings(options, account, driver, host_runtimes()), driver)
    serving = asyncio.create_task(supervisor.run(stopped))
    if await _wait_healthy(options, stopped):
        (options.data_dir / "run" / "endpoint").write_text(f"http://{options.host}:{options.port}")
        console.print(f"[bold]Ingle[/] serves http://{options.host}:{options.port}")
        console.print(f"  data       {options.data_dir}\n  isolation  {driver} ({why})", highlight=False)
        console.print(f'  next       eval "$(ingle env --data {options.data_dir})"', highlight=False)
    await serving


async def _wait_healthy(options: Options, stopped: asyncio.Event) -> bool:
    started = time.monotonic()
    while not stopped.is_set():
        if await asyncio.to_thread(_is_healthy, options):
            return True
        if time.monotonic() - started > 20:
            console.print(f"[yellow]not ready yet[/]; see {options.data_dir / 'programs.log'}")
            started = time.monotonic()
        await asyncio.sleep(0.02)
    return False


def _is_healthy(options: Options) -> bool:
    try:
        with urllib.request.urlopen(f"http://{options.host}:{options.port}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@app.command()
def up(
    data: Data = None,
    port: Annotated[int, typer.Option(help="The port of every AWS API.")] = DEFAULT_PORT,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    https_port: Annotated[int | None, typer.Option(help="A second port with TLS, from a local CA.")] = None,
    isolation: Annotated[str, typer.Option(help=" | ".join(ISOLATIONS))] = "auto",
    insecure: Annotated[bool, typer.Option(help="Allow the process driver, which isolates nothing.")] = False,
    account: Annotated[str | None, typer.Option(help="The account's 12 digits; counts at first start.")] = None,
    domain: Annotated[str, typer.Option(help="Function URLs are served under lambda-url.REGION.DOMAIN.")] = "localhost",
    s3_endpoint: Annotated[str | None, typer.Option(help="Where code in S3 is fetched from, as a URL.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="How many invocations may be in flight at once.")] = 1000,
    call_rate: Annotated[
        float | None, typer.Option(min=1, help="How many management calls a second an account may make. AWS: 15.")
    ] = None,
    environment_hours: Annotated[
        float, typer.Option(min=0.0, help="How old an environment may become.")
    ] = ENVIRONMENT_HOURS,
    worker_hours: Annotated[
        float, typer.Option(min=0.0001, max=WORKER_HOURS, help="After how long the worker is replaced by another.")
    ] = WORKER_HOURS,
    keep_free_mib: Annotated[int, typer.Option(hidden=True)] = KEEP_FREE_MIB,
    event_retry: Annotated[float, typer.Option(min=0.0, help="Seconds until a failed event is tried again.")] = 60.0,
) -> None:
    """Serve Lambda until SIGTERM or Ctrl-C."""
    from ingle.app.doctor import choose_driver
    from ingle.app.supervisor import lock

    directory = (data or default_data_dir()).absolute()
    options = Options(
        data_dir=directory, port=port, host=host, https_port=https_port,
        isolation=isolation, insecure=insecure, account=account, concurrency=concurrency, call_rate=call_rate,
        environment_hours=environment_hours, worker_hours=worker_hours, keep_free_mib=keep_free_mib,
        event_retry_s=event_retry, domain=domain, s3_endpoint=s3_endpoint,
    )  # fmt: skip
    try:
        if isolation not in ISOLATIONS:
            raise ConfigurationError(f"--isolation is one of {', '.join(ISOLATIONS)}")
        check_domain(domain)
        if s3_endpoint is not None:
            check_endpoint(s3_endpoint)
        held = prepare_data_dir(directory, account)
        _held_until_exit = lock(directory)
        driver, why = choose_driver(isolation, insecure=insecure)
        if https_port is not None:
            from ingle.app.local_ca import ensure_certificate

            ensure_certificate(directory / "tls", host, domain)
    except ConfigurationError as error:
        fail(str(error))
    asyncio.run(_serve(options, driver, why, held))


@app.command()
def env(data: Data = None) -> None:
    """Print export lines that point the AWS CLI and SDKs here."""
    directory = (data or default_data_dir()).absolute()
    try:
        held = json.loads((directory / "credentials.json").read_text())
        endpoint = (directory / "run" / "endpoint").read_text()
    except FileNotFoundError:
        fail(f"nothing is installed in {directory}: start `ingle up --data {directory}` first")
    for name, value in (
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", held["access_key_id"]),
        ("AWS_SECRET_ACCESS_KEY", held["secret_access_key"]),
        ("AWS_DEFAULT_REGION", held["region"]),
    ):
        sys.stdout.write(f"export {name}={value}\n")


@app.command()
def doctor() -> None:
    """Examine this host: what works, what doesn't, and how to get it."""
    from rich.table import Table

    from ingle.app.doctor import choose_driver, examine

    table = Table(box=None, pad_edge=False)
    for column in ("", "what", "seen", "how to get it"):
        table.add_column(column, overflow="fold")
    for check in examine():
        mark = "[green]ok[/]" if check.works else "[yellow]no[/]"
        table.add_row(mark, check.name, check.seen, "" if check.works else check.remedy)
    console.print(table)
    try:
        driver, why = choose_driver("auto", insecure=False)
        console.print(f"\nisolation: [bold]{driver}[/] ({why})", highlight=False)
    except ConfigurationError as error:
        fail(str(error))


@app.command()
def sign(
    archive: Annotated[Path, typer.Argument(metavar="ZIP", help="The code of a function or a layer.")],
    key: Annotated[Path, typer.Option(help="The publisher's Ed25519 private key, as PEM.")],
    new_key: Annotated[bool, typer.Option("--new-key", help="Make that key now.")] = False,
    profile: Annotated[str, typer.Option(help="The name of the signing profile.")] = "ingle",
    days: Annotated[
        int | None, typer.Option(min=1, help="For how long the signature is good. Default: for ever.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Where the signed zip goes. Default: over the other.")] = None,
) -> None:
    """Sign a zip, and print the ARN by which a code signing config trusts its publisher."""
    from ingle.app.signing import sign_file

    try:
        console.print(sign_file(archive, key, output or archive, profile, days, new_key=new_key), soft_wrap=True)
    except ConfigurationError as error:
        fail(str(error))


@app.command(hidden=True)
def demo(data: Data = None, port: int = DEFAULT_PORT) -> None:
    """Start, deploy examples/hello, invoke it, and go on serving."""
    from ingle.app.demo import run_demo

    raise SystemExit(run_demo((data or default_data_dir()).absolute(), port))


def main() -> None:
    """Run the command line."""
    os.umask(0o077)
    app()

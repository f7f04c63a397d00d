"""The `ingle` command: what starts and examines an installation, beside the clients of `ingle.cli`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingle.app.config import (
    DEFAULT_PORT,
    ENVIRONMENT_HOURS,
    ISOLATIONS,
    KEEP_FREE_MIB,
    WORKER_HOURS,
    ConfigurationError,
    Options,
    default_data_dir,
)
from ingle.app.supervision.isolation import decide_isolation
from ingle.cli.commands import CommandLine
from ingle.cli.commands.options import PATH, data_option
from ingle.cli.output import console, fail, say

if TYPE_CHECKING:
    pass


def _print_version(ctx: click.Context, option: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        say(f"ingle {version('ingle')}")
        ctx.exit()


@click.group(
    cls=CommandLine,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Completion for your shell: eval "$(_INGLE_COMPLETE=bash_source ingle)", or zsh_source, or fish_source.',
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
def app() -> None:
    """AWS Lambda on machines that you own.

    `ingle up` serves Lambda's API. `ingle deploy` and `ingle invoke` use it. `eval "$(ingle env)"` points the AWS CLI
    and the SDKs here.
    """


@app.command()
@data_option
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="The port of every AWS API.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--https-port", type=int, help="A second port with TLS, from a local CA.")
@click.option("--cert", type=PATH, metavar="FILE", help="A certificate of your own with its chain, for --https-port.")
@click.option("--key", type=PATH, metavar="FILE", help="The key of --cert.")
@click.option("--isolation", default="auto", help=" | ".join(ISOLATIONS))
@click.option("--insecure", is_flag=True, help="Allow the process driver, which isolates nothing.")
@click.option("--account", metavar="ID", help="The account's 12 digits; counts at first start.")
@click.option("--domain", default="localhost", help="The domain that function URLs end in.")
@click.option("--s3-endpoint", metavar="URL", help="Where code in S3 is fetched from.")
@click.option("--concurrency", type=click.IntRange(min=1), default=1000, help="Invocations in flight at once.")
@click.option("--call-rate", type=click.FloatRange(min=1), help="Management calls a second of an account. AWS: 15.")
@click.option("--environment-hours", type=click.FloatRange(min=0), default=ENVIRONMENT_HOURS,
              help="How old an environment may become.")  # fmt: skip
@click.option("--worker-hours", type=click.FloatRange(min=0.0001, max=WORKER_HOURS), default=WORKER_HOURS,
              help="After how long the worker is replaced by another.")  # fmt: skip
@click.option("--keep-free-mib", default=KEEP_FREE_MIB, hidden=True)
@click.option("--event-retry", "event_retry_s", type=click.FloatRange(min=0), default=60.0,
              help="Seconds until a failed event is tried again.")  # fmt: skip
def up(data: Path | None, **told: Any) -> None:
    """Serve Lambda until SIGTERM or Ctrl-C."""
    from ingle.app.commands.up import run_installation

    try:
        raise SystemExit(run_installation(Options(data_dir=(data or default_data_dir()).absolute(), **told)))
    except ConfigurationError as error:
        fail(str(error), error.status)


@app.command()
@data_option
def down(data: Path | None) -> None:
    """Stop a running Ingle after its invocations in flight."""
    from ingle.app.commands.down import stop_installation

    try:
        stop_installation((data or default_data_dir()).absolute())
    except ConfigurationError as error:
        fail(str(error))


@app.command()
@data_option
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="The port of every AWS API.")
def unit(data: Path | None, port: int) -> None:
    """Print a systemd unit that runs Ingle."""
    from ingle.app.commands.unit import render_unit

    sys.stdout.write(render_unit((data or default_data_dir()).absolute(), port, is_root=os.geteuid() == 0))


@app.command()
def doctor() -> None:
    """Examine this host: what works, what doesn't, and how to get it."""
    from rich.table import Table

    from ingle.app.commands.doctor import examine, examine_host

    table = Table(box=None, pad_edge=False)
    for column in ("", "what", "seen", "how to get it"):
        table.add_column(column, overflow="fold")
    for check in examine():
        mark = "[green]ok[/]" if check.works else "[yellow]no[/]"
        table.add_row(mark, check.name, check.seen, "" if check.works else check.remedy)
    console.print(table)
    try:
        decided = decide_isolation("auto", examine_host(), insecure=False, before=None)
        console.print(f"\nisolation: [bold]{decided.driver}[/] ({decided.why})", highlight=False)
    except ConfigurationError as error:
        fail(str(error))


@app.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
def runtimes(names: tuple[str, ...]) -> None:
    """Show AWS's runtimes, or fetch some.

    NAME is python3.12, nodejs22.x and the like; `all` stands for one of every interpreter that this host has.
    """
    from ingle.app.config import packages_dir
    from ingle.app.languages.runtimes import runtime_statuses

    if not names:
        for status in runtime_statuses():
            say(f"{status.name:<16} {status.seen or status.remedy}")
        return
    from ingle.app.languages.fetching import fetch

    problems = fetch([name for name in names if name != "all"], packages_dir())
    for problem in problems:
        say(problem)
    if problems and "all" not in names:
        raise SystemExit(1)


@app.command()
@click.argument("archive", metavar="ZIP", type=PATH)
@click.option("--key", type=PATH, metavar="FILE", required=True,
              help="The publisher's Ed25519 private key, as PEM.")  # fmt: skip
@click.option("--new-key", is_flag=True, help="Make that key now.")
@click.option("--profile", default="ingle", help="The name of the signing profile.")
@click.option("--days", type=click.IntRange(min=1), help="For how long the signature is good. Default: for ever.")
@click.option("--output", type=PATH, metavar="ZIP",
              help="Where the signed zip goes. Default: over the other.")  # fmt: skip
def sign(archive: Path, key: Path, new_key: bool, profile: str, days: int | None, output: Path | None) -> None:
    """Sign the code of a function or layer.

    The command prints the ARN by which a code signing config trusts the publisher.
    """
    from ingle.app.commands.signing import sign_file

    try:
        say(sign_file(archive, key, output or archive, profile, days, new_key=new_key))
    except ConfigurationError as error:
        fail(str(error))


@app.group()
def artifacts() -> None:
    """Examine the sealed code of an installation."""


@artifacts.command()
@data_option
@click.option("--dry-run", is_flag=True, help="Only show the plan; Ingle may run meanwhile.")
def collect(data: Path | None, dry_run: bool) -> None:
    """Set aside sealed code that no function and no layer names.

    Each start does the same. What has been aside for seven days is deleted. What a function or layer names again, after the
    database was restored for example, is taken back.
    """
    from ingle.app.commands.artifacts import collect as act

    try:
        for line in act((data or default_data_dir()).absolute(), dry_run=dry_run):
            say(line)
    except ConfigurationError as error:
        fail(str(error))


@app.command(hidden=True)
@data_option
@click.option("--port", default=DEFAULT_PORT)
def demo(data: Path | None, port: int) -> None:
    """Start, deploy examples/hello, invoke it, and go on serving."""
    from ingle.app.commands.demo import run_demo

    raise SystemExit(run_demo((data or default_data_dir()).absolute(), port))


def main() -> None:
    """Run the command line."""
    os.umask(0o077)
    app()

"""The programs as processes of their own: settings in, confined, serving."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TextIO, cast

import msgspec
import structlog
import uvloop

from ingle.app.config import NO_USE
from ingle.app.supervision.confine import confine
from ingle.spawner.kernel import syscalls
from ingle.transport import Lifeline
from ingle.transport.lifeline import disregard_signals
from ingle.values import IngleError, InstallationError


def raise_descriptor_limit() -> None:
    """Take as many descriptors as this user may have: an environment costs its worker six."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Sink:
    """Standard error, which may be a file on a full disk: a line that can't be written must not fail a request."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def _configure_log() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Sink())),
    )


async def _control(document: bytes, lifeline: Lifeline) -> None:
    from ingle.control import ControlSettings, serve_control

    settings = msgspec.json.decode(document, type=ControlSettings)
    if settings.s3_port is None:
        confine(read=(), write=[Path(settings.data_dir)])
    else:
        confine(read=_files_of_s3(), write=[Path(settings.data_dir)], connect=[settings.s3_port])
    await serve_control(settings, lifeline)


def _files_of_s3() -> list[Path]:
    """Return what botocore reads to find credentials, the endpoint's address and whom to trust."""
    told = ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_CA_BUNDLE")
    usual = ("~/.aws/credentials", "~/.aws/config")
    named = [os.environ[name] for name in told if name in os.environ]
    return [Path("/etc/resolv.conf").resolve(), *(Path(one).expanduser() for one in (*named, *usual))]


async def _gateway(document: bytes, lifeline: Lifeline) -> None:
    from ingle.gateway import GatewaySettings, serve_gateway

    settings = msgspec.json.decode(document, type=GatewaySettings)
    confine(read=[Path(settings.cert_file).parent], write=[Path(settings.run_dir)])
    await serve_gateway(settings, lifeline)


async def _worker(document: bytes, lifeline: Lifeline) -> None:
    from ingle.worker import WorkerSettings, serve_worker

    settings = msgspec.json.decode(document, type=WorkerSettings)
    if settings.driver != "process":  # functions would be confined with it, and not enough
        Path(settings.chunks_dir).mkdir(mode=0o700, exist_ok=True)
        read = [Path(settings.chunks_dir), Path("/sys/fs/cgroup")]
        # It connects to whatever port an extension in an environment listens on, by a socket of that network.
        confine(read=read, write=[Path(settings.run_dir)], connect=None)
    await serve_worker(settings, lifeline)


_PROGRAMS = {"control": _control, "gateway": _gateway, "worker": _worker}


def main(name: str) -> int:
    """Run a program to its end."""
    disregard_signals()
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    lifeline = Lifeline()
    document = lifeline.read_document()
    raise_descriptor_limit()
    _configure_log()
    gc.set_threshold(20_000, 20, 20)  # an invocation leaves few cycles; looking for them 700 objects apart costs 5 %
    try:
        uvloop.run(_run(name, document, lifeline))
    except Exception as error:
        known = isinstance(error, IngleError)
        lifeline.failed(str(error) if known else f"{type(error).__name__}: {error}")
        if not known:
            raise
        structlog.get_logger("ingle").error("program.ended", program=name, reason=str(error))
        return NO_USE if isinstance(error, InstallationError) else 1
    return 0


async def _run(name: str, document: bytes, lifeline: Lifeline) -> None:
    await lifeline.hold(asyncio.create_task(_PROGRAMS[name](document, lifeline)))

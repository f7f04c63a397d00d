"""The public ports, bound before anything is started: a port that can't be had is told at once."""

import errno
import http.client
import itertools
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path

import msgspec

from ingle.app.config import ConfigurationError, OccupiedError, default_data_dir, read_installation
from ingle.transport import tcp_listener

_LOW_PORT = 1024


def bind_ports(host: str, ports: dict[str, int]) -> list[socket.socket]:
    """Listen on each port, which is named by its option. Raises ConfigurationError that says what to change."""
    made: list[socket.socket] = []
    for option, port in ports.items():
        try:
            made.append(tcp_listener(host, port))
        except OSError as error:
            for listener in made:
                listener.close()
            kind = OccupiedError if error.errno == errno.EADDRINUSE else ConfigurationError
            raise kind(_explain(error, host, option, port)) from None
    return made


def _explain(error: OSError, host: str, option: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        holder = _holder(host, port)
        return f"{_address(host, port)} is in use{f' ({holder})' if holder else ''}: stop it or choose {option}"
    if error.errno == errno.EACCES and port < _LOW_PORT:
        return f"{_address(host, port)} needs root, or net.ipv4.ip_unprivileged_port_start={port}: choose {option}"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is no address of this machine; 127.0.0.1 and 0.0.0.0 are"
    return f"{_address(host, port)} can't be had: {error.strerror}"


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reach(host: str) -> str:
    """Return an address of this machine at which a listener on `host` answers."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _holder(host: str, port: int) -> str:
    """Return who has a port, where that is another Ingle."""
    installation = ask_health(host, port).installation
    if not installation:
        return ""
    place = find_data_dir(installation)
    return f"by another Ingle, of {place}" if place is not None else "by another Ingle"


class Health(msgspec.Struct, frozen=True):
    """What /health tells."""

    status: str = ""
    installation: str = ""


def ask_health(host: str, port: int) -> Health:
    """Return what whoever serves a port says of its health; nothing where nobody does."""
    url = f"http://{_address(reach(host), port)}/health"
    try:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                told = answer.read(65536)
        except urllib.error.HTTPError as error:
            told = error.read(65536)
        return msgspec.json.decode(told, type=Health)
    except (OSError, http.client.HTTPException, msgspec.MsgspecError):
        return Health()


def find_data_dir(installation: str) -> Path | None:
    """Return the data directory of an installation that runs on this machine, where we may look for it."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            if "up" not in words:
                continue
            place = _told_dir(words) or default_data_dir()
            held = read_installation(Path(os.readlink(process / "cwd")) / place)
        except (OSError, ConfigurationError):
            continue
        if held is not None and held.id == installation:
            return place
    return None


def _told_dir(words: list[str]) -> Path | None:
    for option, value in itertools.pairwise(words):
        if option == "--data":
            return Path(value)
    joined = [word.partition("=")[2] for word in words if word.startswith("--data=")]
    return Path(joined[0]) if joined else None

"""Where an installation lives and what it is told."""

import hashlib
import os
import re
import secrets
import sys
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from ingle.values import IngleError

DEFAULT_PORT = 9100
ENVIRONMENT_HOURS = 4.0
"""How old an environment becomes at most: they are renewed every few hours (execution reference, section 2)."""
WORKER_HOURS = 14.0
"""How long a worker serves at most (security model, section 1): what runs is never older than that, nor is its memory."""
KEEP_FREE_MIB = 512
"""What idle environments leave of the machine's memory to others."""
_SOCKET_PATH_LIMIT = 100
_DOMAIN = re.compile(r"(?=.{1,128}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
ISOLATIONS = ("auto", "sandbox", "sandbox-rootless", "process")


NO_USE = 78
"""The exit status of what a new start would not help (EX_CONFIG of sysexits.h): an init system leaves it at that."""


class ConfigurationError(IngleError):
    """Ingle can't start as it was told to; the text says what to change."""

    status = NO_USE


class OccupiedError(ConfigurationError):
    """Somebody has what Ingle needs, and may leave it by itself: another start may help."""

    status = 1


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What `ingle up` was told."""

    data_dir: Path
    port: int = DEFAULT_PORT
    host: str = "127.0.0.1"
    https_port: int | None = None
    cert: Path | None = None
    key: Path | None = None
    isolation: str = "auto"
    insecure: bool = False
    account: str | None = None
    concurrency: int = 1000
    call_rate: float | None = None
    environment_hours: float = ENVIRONMENT_HOURS
    worker_hours: float = WORKER_HOURS
    keep_free_mib: int = KEEP_FREE_MIB
    event_retry_s: float = 60.0
    domain: str = "localhost"
    s3_endpoint: str | None = None


def default_data_dir() -> Path:
    """Return $INGLE_DATA, else ~/.local/share/ingle."""
    return Path(os.environ.get("INGLE_DATA") or Path.home() / ".local" / "share" / "ingle")


def packages_dir() -> Path:
    """Return the folder of what AWS's runtimes hold: `.runtimes` beside the venv, without one in the user's home."""
    told = os.environ.get("INGLE_RUNTIMES")
    if told:
        return Path(told)
    if sys.prefix == sys.base_prefix:
        return Path.home() / ".local" / "share" / "ingle-runtimes"
    return Path(sys.prefix).resolve().parent / ".runtimes"


def check_endpoint(url: str) -> None:
    """Raises ConfigurationError where a text is not the URL of an HTTP endpoint."""
    try:
        parts = urlsplit(url)
        is_endpoint = parts.port != 0 and parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_endpoint = False
    if not is_endpoint or parts.path not in ("", "/") or parts.query:
        raise ConfigurationError(f"not an endpoint: {url}; it looks like http://127.0.0.1:9000")


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """What a data directory is: the account that it serves, an id that no other has, and what has held functions."""

    account: str
    id: str = ""
    isolation: str | None = None


def read_installation(data_dir: Path) -> Installation | None:
    """Return what a data directory is, None where it is no installation yet. Raises ConfigurationError."""
    file = data_dir / "installation.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Installation)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigurationError(f"{file} is damaged: restore it, or write the account into it anew") from None


def prepare_data_dir(data_dir: Path, account: str | None) -> Installation:
    """Make the data directory where needed and return what it is.

    Raises ConfigurationError where it belongs to another account or its path is too long for sockets.
    """
    if len(str(data_dir.absolute() / "run" / "control-gateway.sock")) > _SOCKET_PATH_LIMIT:
        raise ConfigurationError(f"{data_dir} is too long a path for Unix sockets: choose a shorter --data")
    (data_dir / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    data_dir.chmod(0o700)
    from ingle.store.installation import read_installation_id  # commands have no use for it

    held = read_installation(data_dir)
    database = data_dir / "metadata.sqlite"
    if held is None and database.exists():
        file = data_dir / "installation.json"
        raise ConfigurationError(
            f'{file} is missing: restore it from a backup, or write {{"account": "…"}} into it, with the account\'s digits'
        )
    if held is not None and account not in (None, held.account):
        raise ConfigurationError(f"{data_dir} belongs to account {held.account}; --account counts at first start only")
    chosen = held.account if held is not None else account or "000000000000"
    if not (len(chosen) == 12 and chosen.isdigit()):
        raise ConfigurationError("an account has 12 digits")
    if held is not None and held.id:
        return held
    made = Installation(
        account=chosen,
        id=read_installation_id(database) or secrets.token_hex(16),
        isolation=held.isolation if held is not None else None,
    )
    draft = data_dir / "installation.new"
    draft.write_bytes(msgspec.json.encode(made))
    draft.replace(data_dir / "installation.json")
    return made


def check_port(option: str, port: int | None) -> None:
    """Raises ConfigurationError for a number that no port has."""
    if port is not None and not 0 < port < 65536:
        raise ConfigurationError(f"{option} is a number from 1 to 65535, not {port}")


def check_domain(domain: str) -> None:
    """Raises ConfigurationError for what can't be the end of a host's name."""
    if _DOMAIN.fullmatch(domain) is None:
        raise ConfigurationError(f"--domain is a name of lower-case letters, digits, hyphens and dots, not {domain!r}")


def cgroup_name(data_dir: Path) -> str:
    """Return the name of an installation's control groups."""
    return "ingle-" + hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:12]

"""`ingle down`: stops the `ingle up` that serves a data directory, as SIGTERM does."""

import fcntl
import os
import select
import signal
from pathlib import Path

from ingle.app.config import ConfigurationError


def stop_installation(data_dir: Path) -> None:
    """Have it stop, and return when all of it has ended. Raises ConfigurationError where nothing serves there."""
    lock = data_dir / "run" / "lock"
    try:
        with lock.open("rb") as file:
            if not _is_held(file.fileno()):
                raise ConfigurationError(f"no `ingle up` serves {data_dir}")
            handle = os.pidfd_open(int(file.read(32)))
    except (FileNotFoundError, ProcessLookupError, ValueError):
        raise ConfigurationError(f"no `ingle up` serves {data_dir}") from None
    except PermissionError:
        raise ConfigurationError(f"another user's `ingle up` serves {data_dir}") from None
    try:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        select.select([handle], [], [])
    except PermissionError:
        raise ConfigurationError(f"another user's `ingle up` serves {data_dir}") from None
    finally:
        os.close(handle)


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False

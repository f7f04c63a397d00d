"""The root key at control's start: made once, and never anew where something is sealed under it."""

import hmac
import os
from pathlib import Path

from ingle.keys import FileRootKey, RootKeyError

_SEALED = ("metadata.sqlite", "queue.sqlite", "chunks", "logs")
_CHECK = "root-key.check"


def open_root_key(data_dir: Path) -> FileRootKey:
    """Return the installation's root key. Raises RootKeyError where it is missing, damaged or another one's.

    `root-key.check` holds what is derived from the key, which tells nothing of it but whether it is the same.
    """
    path, check = data_dir / "keys" / "root.key", data_dir / _CHECK
    if not path.exists() and (check.exists() or _holds_sealed_data(data_dir)):
        raise RootKeyError(f"{path} is missing, and what is in {data_dir} is sealed under it: restore it from a backup")
    key = FileRootKey(path)
    told = key.derive("check").hex()
    if not check.exists():
        draft = check.with_suffix(".new")
        with draft.open("w") as file:
            file.write(told)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(check)
    elif not hmac.compare_digest(check.read_bytes().strip(), told.encode()):
        raise RootKeyError(f"{path} is not the key under which {data_dir} is sealed: restore both from one backup")
    return key


def _holds_sealed_data(data_dir: Path) -> bool:
    paths = [data_dir / name for name in _SEALED]
    return any(path.is_file() or (path.is_dir() and any(path.iterdir())) for path in paths)

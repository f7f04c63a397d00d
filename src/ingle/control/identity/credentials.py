"""The root credentials of the default account: a file of mode 0600, made at first start."""

import json
import os
import stat
from pathlib import Path

import msgspec

from ingle.iam import AccessKey, new_root_access_key
from ingle.values import InstallationError


class CredentialsError(InstallationError):
    """The file of root credentials is missing or can't be trusted."""


def load_root_credentials(path: Path, account: str, *, is_new: bool) -> AccessKey:
    """Return the root access key, made now where the installation is new. Raises CredentialsError."""
    if not is_new and not path.exists():
        raise CredentialsError(f"{path} is missing: restore it from a backup, for clients have its access key")
    if not path.exists():
        key = new_root_access_key(account)
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(
                {
                    "account_id": key.account_id,
                    "access_key_id": key.access_key_id,
                    "secret_access_key": key.secret_access_key,
                    "region": "us-east-1",
                },
                file,
            )
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    try:
        status = path.stat()
        held = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        key = AccessKey(
            account_id=held["account_id"],
            access_key_id=held["access_key_id"],
            secret_access_key=held["secret_access_key"],
        )
    except (OSError, KeyError, UnicodeDecodeError, msgspec.MsgspecError):
        raise CredentialsError(f"{path} is damaged: restore it from a backup") from None
    if stat.S_IMODE(status.st_mode) & 0o077 or status.st_uid != os.geteuid():
        raise CredentialsError(f"{path} must belong to the user who runs Ingle and have mode 0600")
    return key

"""The root credentials of the default account: a file of mode 0600, made at first start."""

import json
import os
from pathlib import Path

from ingle.iam import AccessKey, new_root_access_key


def load_root_credentials(path: Path, account: str) -> AccessKey:
    """Return the root access key, made now where there is none."""
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
    held = json.loads(path.read_text())
    return AccessKey(
        account_id=held["account_id"], access_key_id=held["access_key_id"], secret_access_key=held["secret_access_key"]
    )

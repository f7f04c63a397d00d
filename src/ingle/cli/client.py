"""Clients of AWS's APIs that are pointed at an installation, or wherever the shell's AWS variables point."""

import json
import os
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from ingle.cli.output import fail


def data_dir_of(data: Path | None) -> Path:
    """Return the data directory that was named, or the default one."""
    return data or Path(os.environ.get("INGLE_DATA") or Path.home() / ".local" / "share" / "ingle")


def make_client(service: str, data_dir: Path) -> Any:
    """Return a botocore client for an installation."""
    try:
        held = json.loads((data_dir / "credentials.json").read_text())
        endpoint = (data_dir / "run" / "endpoint").read_text()
    except FileNotFoundError:
        fail(f"nothing is installed in {data_dir}: start `ingle up` first")
    return botocore.session.get_session().create_client(
        service,
        region_name=held["region"],
        endpoint_url=endpoint,
        aws_access_key_id=held["access_key_id"],
        aws_secret_access_key=held["secret_access_key"],
        config=Config(retries={"max_attempts": 0}, read_timeout=920),
    )

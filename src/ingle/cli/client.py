"""Clients of AWS's APIs that are pointed at an installation, or wherever the shell's AWS variables point."""

import functools
import json
import os
from pathlib import Path
from typing import Any

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session

from ingle.cli.output import fail


def data_dir_of(data: Path | None) -> Path:
    """Return the data directory that was named, or the default one."""
    return data or Path(os.environ.get("INGLE_DATA") or Path.home() / ".local" / "share" / "ingle")


def _installed(data_dir: Path) -> tuple[dict[str, str], str]:
    """Return an installation's credentials and its endpoint; end where there is none."""
    try:
        return json.loads((data_dir / "credentials.json").read_text()), (data_dir / "run" / "endpoint").read_text()
    except FileNotFoundError:
        fail(f"nothing is installed in {data_dir}: start `ingle up` first")


def account_of(data_dir: Path) -> str:
    """Return the account that an installation serves."""
    return _installed(data_dir)[0]["account_id"]


def get_json(path: str, data_dir: Path) -> Any:
    """Return what an installation answers to a signed GET of one of Ingle's own paths; end where it refuses."""
    held, endpoint = _installed(data_dir)
    request = AWSRequest("GET", endpoint + path)
    credentials = Credentials(held["access_key_id"], held["secret_access_key"])
    SigV4Auth(credentials, "lambda", held["region"]).add_auth(request)
    try:
        answer = URLLib3Session(timeout=10).send(request.prepare())
    except HTTPClientError as error:
        fail(f"{endpoint} can't be reached: {error}")
    if answer.status_code != 200:
        fail(f"{endpoint} answers {answer.status_code}: {answer.text}")
    return json.loads(answer.content)


@functools.cache
def _session() -> Any:
    """Return a session, which holds the service models that it has read."""
    return botocore.session.get_session()


def make_client(service: str, data_dir: Path) -> Any:
    """Return a botocore client for an installation."""
    held, endpoint = _installed(data_dir)
    return _session().create_client(
        service,
        region_name=held["region"],
        endpoint_url=endpoint,
        aws_access_key_id=held["access_key_id"],
        aws_secret_access_key=held["secret_access_key"],
        config=Config(retries={"max_attempts": 0}, read_timeout=920),
    )

"""Code from S3, or whatever speaks its protocol: fetched by botocore, a zip at a time, no larger than it may be.

Credentials come the way that AWS's tools find them: from the environment or the shared files of the user who runs Ingle.
Where there are none, requests are not signed, and what is public can be fetched.
"""

import asyncio
import threading
from typing import Any

from ingle.artifacts import UNZIPPED_LIMIT_BYTES, ArchiveTooLargeError
from ingle.functions import InvalidSettingError
from ingle.protocol import AwsError
from ingle.values import MIB

_AT_ONCE = 2
"""So many zips of up to 250 MB are held at a time."""
_DENIED = ("AccessDenied", "AllAccessDisabled", "403")


class CodeBucket:
    """The buckets of one endpoint."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def fetch(self, region: str, bucket: str, key: str, version: str | None) -> bytes:
        """Return an object. Raises AwsError, InvalidSettingError or ArchiveTooLargeError, in Lambda's words."""
        async with self._room:
            return await asyncio.to_thread(self._fetch, region, bucket, key, version)

    def _fetch(self, region: str, bucket: str, key: str, version: str | None) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        try:
            named = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
            return _read(self._client(region).get_object(**named))
        except ClientError as error:
            told = error.response["Error"]
            raise _refusal(f"{bucket}/{key}", told.get("Code", ""), told.get("Message", "")) from None
        except ParamValidationError as error:
            raise _refusal(f"{bucket}/{key}", "InvalidRequest", str(error)) from None
        except BotoCoreError as error:
            raise AwsError(
                "ServiceException", f"S3 can't be reached at {self._endpoint}: {type(error).__name__}"
            ) from None

    def _client(self, region: str) -> Any:
        """Return botocore's client for a region; it takes a quarter of a second to make and is kept."""
        import botocore.session
        from botocore import UNSIGNED
        from botocore.config import Config

        with self._making:
            if region not in self._clients:
                session = botocore.session.Session()
                config = Config(
                    signature_version=None if session.get_credentials() else UNSIGNED,
                    s3={"addressing_style": "path"},
                    connect_timeout=5,
                    read_timeout=30,
                    retries={"max_attempts": 2},
                    proxies={},  # control may connect to the endpoint alone
                )
                self._clients[region] = session.create_client(
                    "s3",
                    endpoint_url=self._endpoint,
                    region_name=session.get_config_variable("region") or region,
                    config=config,
                )
            return self._clients[region]


def _read(answer: dict[str, Any]) -> bytes:
    """Return an object's content; one that is too large is not read to its end."""
    body = answer["Body"]
    try:
        if answer["ContentLength"] > UNZIPPED_LIMIT_BYTES:
            raise ArchiveTooLargeError
        content = bytearray()
        for piece in body.iter_chunks(MIB):
            content += piece
            if len(content) > UNZIPPED_LIMIT_BYTES:
                raise ArchiveTooLargeError
        return bytes(content)
    finally:
        body.close()


def _refusal(named: str, code: str, message: str) -> AwsError | InvalidSettingError:
    if code in _DENIED:
        return AwsError(
            "AccessDeniedException",
            "Your access has been denied by S3, please make sure your request credentials have permission to GetObject"
            f" for {named}. S3 Error Code: {code}. S3 Error Message: {message}",
        )
    return InvalidSettingError(f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}")

"""The zip of a function or a layer, as a request gives it: within itself, or by its place in S3."""

from typing import Any

from ingle.control.code.code_bucket import CodeBucket
from ingle.control.services.lambda_.functions.settings import ZIP_LIMIT_BYTES
from ingle.functions import InvalidSettingError
from ingle.protocol import AwsError


def check_source(given: dict[str, Any], noun: str) -> None:
    """Raises InvalidSettingError, AwsError where a request gives no zip for a function's or a layer's `noun`, or too large."""
    content, bucket, key = given.get("ZipFile"), given.get("S3Bucket"), given.get("S3Key")
    if content and (bucket or key):
        raise InvalidSettingError(f"Please provide one source for {noun}: ZipFile, or S3Bucket and S3Key.")
    if not content and not (bucket and key):
        raise InvalidSettingError(f"Please provide a source for {noun}.")
    if content and len(content) > ZIP_LIMIT_BYTES:
        raise AwsError("RequestEntityTooLargeException", f"Zipped size must be smaller than {ZIP_LIMIT_BYTES} bytes")


class Uploads:
    """Finds the bytes; `bucket` is None where no S3 endpoint was given."""

    def __init__(self, bucket: CodeBucket | None) -> None:
        self._bucket = bucket

    async def zip_of(self, given: dict[str, Any], region: str, noun: str) -> bytes:
        """Return the zip that a request gives. Raises AwsError, InvalidSettingError, as `check_source` does too."""
        check_source(given, noun)
        return await self._from_s3(given, region) if given.get("S3Bucket") else bytes(given["ZipFile"])

    async def _from_s3(self, given: dict[str, Any], region: str) -> bytes:
        if self._bucket is None:
            raise InvalidSettingError("Ingle takes code from S3 where it was started with --s3-endpoint.")
        if given.get("S3ObjectStorageMode", "COPY") != "COPY":
            raise InvalidSettingError("Ingle copies code from S3: S3ObjectStorageMode is COPY.")
        return await self._bucket.fetch(region, given["S3Bucket"], given["S3Key"], given.get("S3ObjectVersion"))

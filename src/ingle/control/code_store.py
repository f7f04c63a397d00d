"""Uploaded code: checked, sealed, laid out as an image."""

import asyncio
import base64
import hashlib

import msgspec

from ingle.artifacts import ChunkStore, Manifest, lay_out_image, open_object, read_archive, seal_object
from ingle.functions import Code, Version
from ingle.keys import Keyring
from ingle.sealing import open_sealed, seal
from ingle.values import FunctionArn


def context_of(arn: FunctionArn) -> dict[str, str]:
    """Return the encryption context of everything that belongs to a function (KMS and Lambda: the unqualified ARN)."""
    return {"aws:lambda:FunctionArn": str(arn.qualified(None))}


def image_context(arn: FunctionArn) -> dict[str, str]:
    return {**context_of(arn), "ingle:object": "image"}


def zip_context(arn: FunctionArn) -> dict[str, str]:
    return {**context_of(arn), "ingle:object": "zip"}


class CodeStore:
    """Seals code under a data key of its own."""

    def __init__(self, keyring: Keyring, chunks: ChunkStore) -> None:
        self._keyring = keyring
        self._chunks = chunks

    async def keep(self, arn: FunctionArn, content: bytes) -> Code:
        """Check an archive and keep it sealed. Raises ArchiveError."""
        return await asyncio.to_thread(self._keep, arn, content)

    def _keep(self, arn: FunctionArn, content: bytes) -> Code:
        read_archive(content)
        key, wrapped = self._keyring.generate_data_key(context_of(arn))
        manifest = seal_object([content], key, zip_context(arn), self._chunks)
        return Code(
            sha256=base64.b64encode(hashlib.sha256(content).digest()).decode(),
            size_bytes=len(content),
            wrapped_key=wrapped,
            zip_manifest=manifest.encode(),
        )

    async def prepare(self, arn: FunctionArn, code: Code) -> Code:
        """Lay kept code out as an image. Raises ArchiveError."""
        return await asyncio.to_thread(self._prepare, arn, code)

    def _prepare(self, arn: FunctionArn, code: Code) -> Code:
        key = self._keyring.unwrap(code.wrapped_key, context_of(arn))
        content = b"".join(open_object(Manifest.decode(code.zip_manifest), key, zip_context(arn), self._chunks))
        manifest = seal_object(lay_out_image(read_archive(content)), key, image_context(arn), self._chunks)
        return msgspec.structs.replace(code, image_manifest=manifest.encode())

    def delete(self, code: Code) -> None:
        """Forget the chunks; without its wrapped key nothing of them can be read anyway."""
        for document in (code.zip_manifest, code.image_manifest):
            for name in Manifest.decode(document).chunks if document else ():
                self._chunks.delete(name)

    def data_key(self, arn: FunctionArn, code: Code) -> bytes:
        return self._keyring.unwrap(code.wrapped_key, context_of(arn)).secret

    def seal_variables(self, arn: FunctionArn, variables: dict[str, str]) -> tuple[bytes, bytes]:
        """Return (sealed variables, wrapped key)."""
        key, wrapped = self._keyring.generate_data_key(context_of(arn))
        return seal(msgspec.json.encode(variables), key, context_of(arn)), wrapped

    def open_variables(self, arn: FunctionArn, version: Version) -> dict[str, str]:
        if not version.sealed_variables:
            return {}
        key = self._keyring.unwrap(version.variables_key, context_of(arn))
        return msgspec.json.decode(open_sealed(version.sealed_variables, key, context_of(arn)), type=dict[str, str])

"""Uploaded code: checked, sealed, laid out as an image."""

import asyncio
import base64
import hashlib
from collections.abc import Iterable

import msgspec

from ingle.artifacts import ChunkStore, Manifest, lay_out_image, open_object, read_archive, seal_object
from ingle.functions import Code, Function, Version
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


def chunks_of(function: Function) -> set[str]:
    """Return the names of all chunks that a function's versions need, pending code included."""
    codes = [code for version in function.versions.values() for code in (version.code, version.pending_code)]
    documents = [
        document for code in codes if code is not None for document in (code.zip_manifest, code.image_manifest)
    ]
    return {name for document in documents if document for name in Manifest.decode(document).chunks}


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

    def delete_unused(self, before: Function, after: Function | None) -> None:
        """Delete what a function had before and has no more; without its wrapped key nothing of it can be read anyway."""
        for name in chunks_of(before) - (chunks_of(after) if after is not None else set()):
            self._chunks.delete(name)

    def collect(self, functions: Iterable[Function]) -> int:
        """Delete every chunk that no function has, as a crash may have left some; return how many there were.

        Nobody may be keeping code meanwhile.
        """
        kept: set[str] = set().union(*map(chunks_of, functions))
        unused = [name for name in self._chunks.names() if name not in kept]
        for name in unused:
            self._chunks.delete(name)
        return len(unused)

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

"""Uploaded code and layers: checked, sealed, laid out as images."""

import asyncio
import base64
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ingle.artifacts import (
    UNZIPPED_LIMIT_BYTES,
    Archive,
    ChunkStore,
    CodeSignature,
    CollectionPlan,
    Layers,
    Manifest,
    lay_out_image,
    open_object,
    plan_collection,
    read_archive,
    read_signature,
    seal_object,
)
from ingle.environments import opt_context
from ingle.functions import Code, Function, InvalidSettingError, Layer, LayerUse, LayerVersion, Version, check_unzipped
from ingle.keys import Keyring
from ingle.sealing import open_sealed, seal
from ingle.values import FunctionArn, LayerArn

Chosen = list[tuple[LayerArn, LayerVersion]]
"""The layer versions that a function shall have, in order."""


def context_of(arn: FunctionArn) -> dict[str, str]:
    """Return the encryption context of everything that belongs to a function (KMS and Lambda: the unqualified ARN)."""
    return {"aws:lambda:FunctionArn": str(arn.qualified(None))}


def image_context(arn: FunctionArn) -> dict[str, str]:
    return {**context_of(arn), "ingle:object": "image"}


def zip_context(arn: FunctionArn) -> dict[str, str]:
    return {**context_of(arn), "ingle:object": "zip"}


def layer_context(arn: LayerArn) -> dict[str, str]:
    """Return the encryption context of a layer's versions, each of which has a data key of its own."""
    return {"aws:lambda:LayerArn": str(arn.versioned(None)), "ingle:object": "zip"}


def uses_of(chosen: Chosen) -> tuple[LayerUse, ...]:
    """Return what a function keeps of its layers beside their image."""
    return tuple(
        LayerUse(
            arn=str(arn),
            size_bytes=version.size_bytes,
            unzipped_bytes=version.unzipped_bytes,
            signature=version.signature,
        )
        for arn, version in chosen
    )


def chunks_of_layer(layer: Layer) -> set[str]:
    """Return the names of all chunks of a layer's versions."""
    return {name for version in layer.versions.values() for name in Manifest.decode(version.zip_manifest).chunks}


def chunks_of(function: Function) -> set[str]:
    """Return the names of all chunks that a function needs: of its versions, of what serves meanwhile, of old zips."""
    codes = function.zips
    pending = (version.pending_code for version in function.versions.values())
    codes += [code for code in pending if code is not None and code not in codes]
    return {name for code in codes for name in _chunks_of_code(code)}


def _chunks_of_code(code: Code) -> set[str]:
    documents = (code.zip_manifest, code.image_manifest, code.opt_manifest)
    return {name for document in documents if document for name in Manifest.decode(document).chunks}


def carry_layers(before: Code, code: Code) -> Code:
    """Return new code with the layers that the code before had: they may have been deleted meanwhile."""
    if not before.opt_manifest:
        return code
    return msgspec.structs.replace(
        code,
        opt_manifest=before.opt_manifest,
        opt_key=before.opt_key or before.wrapped_key,  # which sealed it, before the image had a key of its own
        extensions=before.extensions,
    )


def plan_of_chunks(
    chunks: ChunkStore, functions: Iterable[Function], layers: Iterable[Layer], now_ms: int
) -> CollectionPlan:
    """Return what is to be done with the chunks that no function and no layer names."""
    named: set[str] = set().union(*map(chunks_of, functions), *map(chunks_of_layer, layers))
    return plan_collection(named, list(chunks.names()), chunks.aside(), now_ms)


class CodeStore:
    """Seals code under a data key of its own."""

    def __init__(self, keyring: Keyring, chunks: ChunkStore) -> None:
        self._keyring = keyring
        self._chunks = chunks

    async def keep(self, arn: FunctionArn, content: bytes, layers: tuple[LayerUse, ...] = ()) -> Code:
        """Check an archive and keep it sealed. Raises ArchiveError, or InvalidSettingError if layers make it too large."""
        return await asyncio.to_thread(self._keep, arn, content, layers)

    async def check(self, content: bytes, layers: tuple[LayerUse, ...]) -> CodeSignature | None:
        """Return an archive's signature. Raises as `keep`."""
        return await asyncio.to_thread(lambda: read_signature(_check(content, layers)))

    def _keep(self, arn: FunctionArn, content: bytes, layers: tuple[LayerUse, ...]) -> Code:
        archive = _check(content, layers)
        key, wrapped = self._keyring.generate_data_key(context_of(arn))
        manifest = seal_object([content], key, zip_context(arn), self._chunks)
        return Code(
            sha256=base64.b64encode(hashlib.sha256(content).digest()).decode(),
            size_bytes=len(content),
            unzipped_bytes=archive.unzipped_bytes,
            signature=read_signature(archive),
            wrapped_key=wrapped,
            zip_manifest=manifest.encode(),
        )

    async def prepare(self, arn: FunctionArn, code: Code) -> Code:
        """Lay kept code out as an image, unless it is one already. Raises ArchiveError."""
        if code.image_manifest:
            return code
        return await asyncio.to_thread(self._prepare, arn, code)

    def _prepare(self, arn: FunctionArn, code: Code) -> Code:
        key = self._keyring.unwrap(code.wrapped_key, context_of(arn))
        content = b"".join(self.open_zip(arn, code))
        manifest = seal_object(lay_out_image(read_archive(content)), key, image_context(arn), self._chunks)
        return msgspec.structs.replace(code, image_manifest=manifest.encode())

    async def add_layers(self, arn: FunctionArn, chosen: Chosen, code: Code) -> Code:
        """Return code with layers merged into an image for /opt, sealed under a key of the function's: it needs them no more.

        Raises ArchiveError where they can't be merged, InvalidSettingError where they are too large with the code.
        """
        check_unzipped(code.unzipped_bytes, uses_of(chosen), UNZIPPED_LIMIT_BYTES)
        if not chosen:
            return msgspec.structs.replace(code, opt_manifest=b"", opt_key=b"", extensions=())
        return await asyncio.to_thread(self._add_layers, arn, chosen, code)

    def _add_layers(self, arn: FunctionArn, chosen: Chosen, code: Code) -> Code:
        layers = Layers([read_archive(b"".join(self.open_layer(*one))) for one in chosen])
        key, wrapped = self._keyring.generate_data_key(context_of(arn))
        manifest = seal_object(lay_out_image(layers), key, opt_context(image_context(arn)), self._chunks)
        return msgspec.structs.replace(
            code, opt_manifest=manifest.encode(), opt_key=wrapped, extensions=tuple(layers.extensions)
        )

    def open_zip(self, arn: FunctionArn, code: Code) -> Iterator[bytes]:
        """Yield a zip as it came, piece by piece."""
        key = self._keyring.unwrap(code.wrapped_key, context_of(arn))
        return open_object(Manifest.decode(code.zip_manifest), key, zip_context(arn), self._chunks)

    def open_layer(self, arn: LayerArn, version: LayerVersion) -> Iterator[bytes]:
        """Yield a layer version's zip as it came, piece by piece."""
        context = layer_context(arn)
        key = self._keyring.unwrap(version.wrapped_key, context)
        return open_object(Manifest.decode(version.zip_manifest), key, context, self._chunks)

    async def keep_layer(self, arn: LayerArn, content: bytes, **described: Any) -> LayerVersion:
        """Check a layer's archive and keep it sealed, as a version that has no number yet. Raises ArchiveError."""
        return await asyncio.to_thread(self._keep_layer, arn, content, described)

    def _keep_layer(self, arn: LayerArn, content: bytes, described: dict[str, Any]) -> LayerVersion:
        archive, context = _read(content), layer_context(arn)
        key, wrapped = self._keyring.generate_data_key(context)
        return LayerVersion(
            version=0,
            sha256=base64.b64encode(hashlib.sha256(content).digest()).decode(),
            size_bytes=len(content),
            unzipped_bytes=archive.unzipped_bytes,
            wrapped_key=wrapped,
            zip_manifest=seal_object([content], key, context, self._chunks).encode(),
            signature=read_signature(archive),
            **described,
        )

    def discard(self, code: Code) -> None:
        """Delete kept code that no function got."""
        for name in _chunks_of_code(code):
            self._chunks.delete(name)

    def discard_beside(self, code: Code, function: Function | None) -> None:
        """Delete what code that no function got has beside that of a function."""
        kept = chunks_of(function) if function is not None else set()
        for name in _chunks_of_code(code) - kept:
            self._chunks.delete(name)

    def delete_layer_version(self, version: LayerVersion) -> None:
        """Delete a layer version's content; functions that have it have a copy of their own."""
        for name in Manifest.decode(version.zip_manifest).chunks:
            self._chunks.delete(name)

    def delete_unused(self, before: Function, after: Function | None) -> None:
        """Delete what a function had before and has no more; without its wrapped key nothing of it can be read anyway."""
        for name in chunks_of(before) - (chunks_of(after) if after is not None else set()):
            self._chunks.delete(name)

    def collect(self, functions: Iterable[Function], layers: Iterable[Layer], now_ms: int) -> CollectionPlan:
        """Set aside each chunk that no function and no layer names, and delete what has been aside for a week.

        A crash may have left some, but an older database names too few as well. Nobody may be keeping code meanwhile.
        """
        plan = plan_of_chunks(self._chunks, functions, layers, now_ms)
        plan.execute(self._chunks, now_ms)
        return plan

    def data_key(self, arn: FunctionArn, code: Code) -> bytes:
        return self._keyring.unwrap(code.wrapped_key, context_of(arn)).secret

    def opt_data_key(self, arn: FunctionArn, code: Code) -> bytes:
        return self._keyring.unwrap(code.opt_key or code.wrapped_key, context_of(arn)).secret

    def seal_variables(self, arn: FunctionArn, variables: dict[str, str]) -> tuple[bytes, bytes]:
        """Return (sealed variables, wrapped key)."""
        key, wrapped = self._keyring.generate_data_key(context_of(arn))
        return seal(msgspec.json.encode(variables), key, context_of(arn)), wrapped

    def open_variables(self, arn: FunctionArn, version: Version) -> dict[str, str]:
        if not version.sealed_variables:
            return {}
        key = self._keyring.unwrap(version.variables_key, context_of(arn))
        return msgspec.json.decode(open_sealed(version.sealed_variables, key, context_of(arn)), type=dict[str, str])


def _read(content: bytes) -> Archive:
    archive = read_archive(content)
    if not archive.entries:
        raise InvalidSettingError("Uploaded file must be a non-empty zip")
    return archive


def _check(content: bytes, layers: tuple[LayerUse, ...]) -> Archive:
    archive = _read(content)
    check_unzipped(archive.unzipped_bytes, layers, UNZIPPED_LIMIT_BYTES)
    return archive

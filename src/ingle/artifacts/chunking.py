"""Cuts an object into sealed chunks, and puts it together again.

Each chunk is sealed under the object's data key with its place and the object's context as authenticated data, so that
chunks can neither be exchanged nor moved. A chunk's name is the SHA-256 of its sealed bytes.
"""

import fcntl
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from ingle.artifacts.chunks.contract import ChunkStore
from ingle.artifacts.manifest import CHUNK_BYTES, Manifest
from ingle.sealing import DataKey, EncryptionContext, OpenError, open_sealed, seal
from ingle.values import ALL_SEALS, IngleError

_WRITERS = 4


class ChunkTamperedError(IngleError):
    """A chunk is not the one that was sealed here."""


def _place(context: EncryptionContext, at: int) -> dict[str, str]:
    return {**context, "ingle:chunk": str(at)}


def _cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pending = bytearray()
    for piece in pieces:
        pending += piece
        while len(pending) >= CHUNK_BYTES:
            yield bytes(pending[:CHUNK_BYTES])
            del pending[:CHUNK_BYTES]
    if pending:
        yield bytes(pending)


def seal_object(pieces: Iterable[bytes], key: DataKey, context: EncryptionContext, chunks: ChunkStore) -> Manifest:
    """Seal an object chunk by chunk into the store and return its manifest; the chunks are durable then."""
    names: dict[int, str] = {}
    total = 0

    def keep(at: int, plain: bytes) -> int:
        sealed = seal(plain, key, _place(context, at))
        names[at] = hashlib.sha256(sealed).hexdigest()
        chunks.put(names[at], sealed)
        return len(plain)

    try:
        # What takes long is to wait for the disk, which takes several chunks in about the time of one.
        with ThreadPoolExecutor(_WRITERS) as writers:
            numbered = enumerate(_cut(pieces))
            while group := list(itertools.islice(numbered, _WRITERS)):
                total += sum(writers.map(keep, *zip(*group, strict=True)))
    except BaseException:
        for name in names.values():  # half an object is of no use to anybody
            chunks.delete(name)
        raise
    return Manifest(object_bytes=total, chunks=tuple(names[at] for at in range(len(names))))


def open_object(manifest: Manifest, key: DataKey, context: EncryptionContext, chunks: ChunkStore) -> Iterator[bytes]:
    """Yield the object's chunks, verified. Raises ChunkTamperedError or ChunkMissingError."""
    total = 0
    for at, name in enumerate(manifest.chunks):
        try:
            plain = open_sealed(chunks.get(name), key, _place(context, at))
        except OpenError:
            raise ChunkTamperedError(f"chunk {name} is not what was sealed") from None
        total += len(plain)
        yield plain
    if total != manifest.object_bytes:
        raise ChunkTamperedError("the chunks do not make up the object")


def open_to_memfd(manifest: Manifest, key: DataKey, context: EncryptionContext, chunks: ChunkStore) -> int:
    """Open an object into anonymous memory and seal that against every change; return the descriptor.

    The plaintext never reaches a disk that is not swap. Raises as `open_object` does.
    """
    memory = os.memfd_create("ingle-artifact", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        for plain in open_object(manifest, key, context, chunks):
            os.write(memory, plain)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, ALL_SEALS)
    except BaseException:
        os.close(memory)
        raise
    return memory

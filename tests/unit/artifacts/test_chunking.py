"""Objects cut into sealed chunks: nothing can be moved, swapped, dropped or changed unnoticed."""

import fcntl
import os

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingle.artifacts import (
    ChunkMissingError,
    ChunkTamperedError,
    Manifest,
    MemoryChunks,
    open_object,
    open_to_memfd,
    seal_object,
)
from ingle.artifacts.manifest import CHUNK_BYTES
from ingle.sealing import new_data_key

CONTEXT = {"aws:lambda:FunctionArn": "arn:f"}
KEY = new_data_key()


def sealed(content: bytes) -> tuple[Manifest, MemoryChunks]:
    chunks = MemoryChunks()
    return seal_object([content[:100], content[100:]], KEY, CONTEXT, chunks), chunks


@settings(max_examples=20, deadline=None)
@given(size=st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7]))
def test_an_object_of_any_size_comes_back(size: int) -> None:
    content = os.urandom(size)
    manifest, chunks = sealed(content)
    assert b"".join(open_object(manifest, KEY, CONTEXT, chunks)) == content
    assert len(manifest.chunks) == -(-size // CHUNK_BYTES)
    assert Manifest.decode(manifest.encode()) == manifest


def test_swapped_dropped_doubled_and_foreign_chunks_are_noticed() -> None:
    manifest, chunks = sealed(os.urandom(3 * CHUNK_BYTES))
    first, second, third = manifest.chunks
    for names in ((second, first, third), (first, second), (first, second, third, third), (first, first, third)):
        bent = msgspec.structs.replace(manifest, chunks=names)
        with pytest.raises(ChunkTamperedError):
            list(open_object(bent, KEY, CONTEXT, chunks))
    with pytest.raises(ChunkTamperedError):
        list(open_object(manifest, KEY, {"aws:lambda:FunctionArn": "arn:g"}, chunks))
    with pytest.raises(ChunkTamperedError):
        list(open_object(manifest, new_data_key(), CONTEXT, chunks))


def test_a_changed_or_missing_chunk_is_noticed() -> None:
    manifest, chunks = sealed(b"content")
    name = manifest.chunks[0]
    chunks.held[name] = chunks.held[name][:-1] + bytes([chunks.held[name][-1] ^ 1])
    with pytest.raises(ChunkTamperedError):
        list(open_object(manifest, KEY, CONTEXT, chunks))
    chunks.delete(name)
    with pytest.raises(ChunkMissingError):
        list(open_object(manifest, KEY, CONTEXT, chunks))


def test_memory_that_holds_an_object_can_change_no_more() -> None:
    content = os.urandom(CHUNK_BYTES + 5)
    manifest, chunks = sealed(content)
    memory = open_to_memfd(manifest, KEY, CONTEXT, chunks)
    try:
        assert os.pread(memory, len(content) + 1, 0) == content
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        assert fcntl.fcntl(memory, fcntl.F_GET_SEALS) & seals == seals
        with pytest.raises(PermissionError):
            os.pwrite(memory, b"x", 0)
    finally:
        os.close(memory)


def test_a_failed_opening_leaves_no_descriptor() -> None:
    manifest, chunks = sealed(b"content")
    chunks.delete(manifest.chunks[0])
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ChunkMissingError):
        open_to_memfd(manifest, KEY, CONTEXT, chunks)
    assert len(os.listdir("/proc/self/fd")) == before

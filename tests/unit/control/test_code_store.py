"""What a function's layers become: one image beside the code's, under the code's key and the function's ARN."""

import stat
from pathlib import Path

import pytest
from archive_samples import zip_of

from ingle.artifacts import ChunkTamperedError, Manifest, MemoryChunks, lay_out_image, open_object, read_archive
from ingle.artifacts.collection import KEPT_ASIDE_MS
from ingle.control.code.code_store import (
    Chosen,
    CodeStore,
    carry_layers,
    chunks_of,
    chunks_of_layer,
    context_of,
    image_context,
    uses_of,
)
from ingle.environments import opt_context
from ingle.functions import LATEST, Code, Function, InvalidSettingError, Layer, Version
from ingle.keys import FileRootKey, Keyring
from ingle.sealing import DataKey
from ingle.values import FunctionArn, LayerArn

ARN = FunctionArn(region="us-east-1", account="0" * 12, name="f")
CODE = zip_of(("app.py", b"handler = print"))
EXECUTABLE = stat.S_IFREG | 0o755
LAYER = zip_of(("python/x.py", b"x = 1"), ("extensions/watch", b"#!/bin/sh", EXECUTABLE))


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(FileRootKey(tmp_path / "root.key"))


@pytest.fixture
def chunks() -> MemoryChunks:
    return MemoryChunks()


@pytest.fixture
def store(keyring: Keyring, chunks: MemoryChunks) -> CodeStore:
    return CodeStore(keyring, chunks)


async def chosen(store: CodeStore, content: bytes = LAYER) -> Chosen:
    arn = LayerArn(region="us-east-1", account="0" * 12, name="l", version=1)
    return [(arn, await store.keep_layer(arn, content, created_ms=0))]


def function_of(code: Code) -> Function:
    version = Version(version=LATEST, runtime="python3.11", role="r", handler="h", code=code)
    return Function(account="0" * 12, region="us-east-1", name="f", versions={LATEST: version})


def opened(code: Code, keyring: Keyring, chunks: MemoryChunks, context: dict[str, str]) -> bytes:
    key: DataKey = keyring.unwrap(code.opt_key, context_of(ARN))
    return b"".join(open_object(Manifest.decode(code.opt_manifest), key, context, chunks))


async def test_layers_are_sealed_for_the_function_and_go_on_with_its_next_code(
    store: CodeStore, keyring: Keyring, chunks: MemoryChunks
) -> None:
    layers = await chosen(store)
    first = await store.add_layers(ARN, layers, await store.keep(ARN, CODE))
    store.delete_layer_version(layers[0][1])
    second = carry_layers(first, await store.keep(ARN, CODE, uses_of(layers)))
    store.delete_unused(function_of(first), function_of(second))
    expected = b"".join(lay_out_image(read_archive(LAYER)))
    for code in (first, second):
        assert code.extensions == ("watch",)
        assert opened(code, keyring, chunks, opt_context(image_context(ARN))) == expected
        with pytest.raises(ChunkTamperedError):
            opened(code, keyring, chunks, image_context(ARN))
    assert first.wrapped_key != second.wrapped_key
    assert first.opt_manifest == second.opt_manifest
    assert (await store.add_layers(ARN, [], second)).opt_manifest == b""


async def test_chunks_of_functions_and_layers_are_kept_and_no_others(store: CodeStore, chunks: MemoryChunks) -> None:
    layers = await chosen(store)
    code = await store.prepare(ARN, await store.add_layers(ARN, layers, await store.keep(ARN, CODE)))
    function = function_of(code)
    layer = Layer(account="0" * 12, region="us-east-1", name="l").with_version(layers[0][1])
    await store.keep(ARN, CODE)
    assert len(store.collect([function], [layer], 0).set_aside) == 1
    assert len(store.collect([function], [], 1).set_aside) == 1
    assert set(chunks.names()) == chunks_of(function)
    assert len(store.collect([function], [layer], 2).take_back) == 1
    assert len(store.collect([function], [layer], KEPT_ASIDE_MS).delete) == 1
    assert chunks_of_layer(layer) <= set(chunks.names())
    store.discard(code)
    assert set(chunks.names()) == chunks_of_layer(layer)


async def test_code_that_is_too_large_with_its_layers_leaves_nothing(store: CodeStore, chunks: MemoryChunks) -> None:
    layers = await chosen(store, zip_of(("big", bytes(262_144_000))))
    before = set(chunks.names())
    with pytest.raises(InvalidSettingError, match="combined with layers exceeds"):
        await store.keep(ARN, CODE, uses_of(layers))
    assert set(chunks.names()) == before

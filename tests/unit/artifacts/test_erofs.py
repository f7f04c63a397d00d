"""Images: the same bytes for the same content, and the same tree when they are unpacked."""

import os
import random
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_samples import zip_of
from hypothesis import given, settings
from hypothesis import strategies as st
from image_trees import SHAPES, Tree, entries_of, expected, image_of, read_back

from ingle.artifacts import lay_out_image, read_archive
from ingle.spawner.images.unpack import unpack_image


@pytest.fixture(autouse=True, scope="module")
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def _unpack(image: bytes) -> dict[str, tuple[int, bytes]]:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
        file.write(image)
        file.flush()
        unpack_image(file.fileno(), folder)
        return read_back(Path(folder))


@pytest.mark.parametrize("name", SHAPES)
def test_an_image_unpacks_to_the_tree_it_was_made_of(name: str) -> None:
    image = image_of(SHAPES[name])
    assert len(image) % 4096 == 0
    assert struct.unpack_from("<I", image, 1024 + 36)[0] == len(image) // 4096
    assert _unpack(image) == expected(SHAPES[name])


@pytest.mark.parametrize("name", SHAPES)
def test_the_order_of_entries_does_not_change_the_image(name: str) -> None:
    entries = entries_of(SHAPES[name])
    image = b"".join(lay_out_image(read_archive(zip_of(*entries))))
    for start in range(0, len(entries), 1 + len(entries) // 3):
        entries = entries[start:] + entries[:start][::-1]
        assert b"".join(lay_out_image(read_archive(zip_of(*entries)))) == image


def test_directories_that_nobody_names_are_as_those_that_are_named() -> None:
    assert image_of({"a/b/c": b"x"}) == image_of({"a": "/", "a/b": "/", "a/b/c": b"x"})


def test_what_the_archive_says_of_times_and_comments_does_not_change_the_image() -> None:
    again = b"".join(lay_out_image(read_archive(b"in front" + zip_of(("x", b"abc"), comment=b"later"))))
    assert again == image_of({"x": b"abc"})


def test_any_difference_in_content_changes_the_image() -> None:
    trees: list[Tree] = [
        {"x": b"abc"}, {"x": b"abd"}, {"y": b"abc"}, {"x": (b"abc", True)}, {"x": "->abc"}, {"x": "/"}, {"x/y": b"abc"},
    ]  # fmt: skip
    assert len({image_of(tree) for tree in trees}) == len(trees)


def test_an_image_comes_in_pieces() -> None:
    archive = read_archive(zip_of(("big", bytes(10_000_000))))
    assert max(map(len, lay_out_image(archive))) <= 1 << 16


def test_names_that_fill_a_directory_block_exactly_are_kept() -> None:
    for size in range(230, 256):
        tree: Tree = {f"{number:02}".ljust(size, "x"): b"" for number in range(40)}
        assert _unpack(image_of(tree)) == expected(tree)


_NAMES = st.text(st.characters(exclude_characters="/\\\0:", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 256
)
_CONTENTS = st.one_of(
    st.just("/"), st.just("->."), st.binary(max_size=50), st.tuples(st.binary(max_size=50), st.booleans()),
    st.sampled_from([4095, 4096, 4097, 12288]).map(bytes),
)  # fmt: skip


@st.composite
def _trees(draw: st.DrawFn) -> Tree:
    tree: Tree = {}
    for path, content in draw(
        st.dictionaries(st.lists(_NAMES, min_size=1, max_size=4).map("/".join), _CONTENTS)
    ).items():
        above = [path[:at] for at, letter in enumerate(path) if letter == "/"]
        if all(tree.get(one, "/") == "/" for one in above) and not any(one.startswith(path + "/") for one in tree):
            tree[path] = content
    return tree


@settings(max_examples=80, deadline=None)
@given(_trees(), st.randoms(use_true_random=False))
def test_any_tree_comes_back(tree: Tree, order: random.Random) -> None:
    image = image_of(tree)
    assert _unpack(image) == expected(tree)
    shuffled = list(tree.items())
    order.shuffle(shuffled)
    assert image_of(dict(shuffled)) == image


@pytest.mark.timeout(20)
@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_a_truncated_image_is_refused(blocks: int) -> None:
    image = image_of({"x": bytes(5000)})
    with pytest.raises((ValueError, struct.error)):
        _unpack(image[: blocks * 4096])


def test_what_is_not_an_image_is_refused() -> None:
    with pytest.raises(ValueError, match="not an EROFS image"):
        _unpack(bytes(8192))


@pytest.mark.timeout(60)
@settings(max_examples=150, deadline=None)
@given(st.integers(1024, 1024 + 128 + 6 * 64 - 1), st.integers(0, 255))
def test_a_changed_image_unpacks_or_is_refused_and_writes_nothing_outside(at: int, value: int) -> None:
    image = bytearray(image_of({"d/x": b"abc", "l": "->d", "y": bytes(4096)}))
    image[at] = value
    try:
        _unpack(bytes(image))
    except (ValueError, struct.error, OSError):
        return

"""Layers are merged in their order: later names win, and nothing leads out of the tree they make together."""

import os
import stat
from pathlib import Path

import pytest
from archive_samples import LINK_MODE, zip_of
from hypothesis import given
from hypothesis import strategies as st

from ingle.artifacts import Layers, lay_out_image, read_archive
from ingle.spawner.images.unpack import unpack_image

EXECUTABLE = stat.S_IFREG | 0o755
DIRECTORY = stat.S_IFDIR | 0o755
Members = tuple[tuple[str, bytes] | tuple[str, bytes, int], ...]


def merged(*layers: Members) -> Layers:
    return Layers([read_archive(zip_of(*members)) for members in layers])


def unpacked(layers: Layers, folder: Path) -> dict[str, bytes]:
    """Lay an image out and return its files and links."""
    image = folder / "image"
    image.write_bytes(b"".join(lay_out_image(layers)))
    (folder / "tree").mkdir()
    with image.open("rb") as file:
        unpack_image(file.fileno(), os.fspath(folder / "tree"))
    found = {}
    for path in (folder / "tree").rglob("*"):
        if path.is_symlink():
            found[path.relative_to(folder / "tree").as_posix()] = b"->" + os.fsencode(path.readlink())
        elif path.is_file():
            found[path.relative_to(folder / "tree").as_posix()] = path.read_bytes()
    return found


def test_later_files_win_and_directories_are_merged(tmp_path: Path) -> None:
    layers = merged(
        (("python/a.py", b"1"), ("python/both.py", b"1"), ("bin/tool", b"old", EXECUTABLE)),
        (("python/", b"", DIRECTORY), ("python/both.py", b"2 longer"), ("bin/tool", b"new", EXECUTABLE)),
        (("python/c.py", b"3"),),
    )
    assert unpacked(layers, tmp_path) == {
        "python/a.py": b"1", "python/both.py": b"2 longer", "python/c.py": b"3", "bin/tool": b"new",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((("x/a", b"1"), ("x/b/c", b"1")), (("x", b"file"),), {"x": b"file"}),
        ((("x", b"file"),), (("x/a", b"1"),), {"x/a": b"1"}),
        ((("x", b"file"), ("y", b"")), (("x/", b"", DIRECTORY),), {"y": b""}),
        ((("x", b"y", LINK_MODE), ("y/a", b"1")), (("x/a", b"2"),), {"x/a": b"2", "y/a": b"1"}),
        ((("x/a", b"1"), ("y", b"")), (("x", b"y", LINK_MODE),), {"x": b"->y", "y": b""}),
    ],
)
def test_a_name_of_another_kind_replaces_what_was_there(
    first: Members, second: Members, expected: dict[str, bytes], tmp_path: Path
) -> None:
    assert unpacked(merged(first, second), tmp_path) == expected


def test_extensions_are_the_executable_files_directly_in_their_folder() -> None:
    layers = merged(
        (("extensions/b", b"#!", EXECUTABLE), ("extensions/plain", b""), ("extensions/d/e", b"#!", EXECUTABLE)),
        (("extensions/a", b"#!", EXECUTABLE), ("other/extensions/c", b"#!", EXECUTABLE)),
    )
    assert layers.extensions == ["a", "b"]


_names = st.sampled_from(["a", "b", "a/a", "a/b", "a/b/c", "b/a"])


def _is_archive(names: list[str]) -> bool:
    return not any(one != other and other.startswith(one + "/") for one in names for other in names)


@given(st.lists(st.lists(_names, unique=True).filter(_is_archive), max_size=4))
def test_the_merged_tree_is_what_laying_one_over_the_other_gives(layers: list[list[str]]) -> None:
    expected: dict[str, int] = {}
    for number, names in enumerate(layers):
        for name in names:
            expected = {
                path: held
                for path, held in expected.items()
                if not (path.startswith(name + "/") or name.startswith(path + "/"))
            }
            expected[name] = number
    made = merged(*[tuple((name, b"%d" % number) for name in names) for number, names in enumerate(layers)])
    assert {"/".join(one.path): int(b"".join(made.pieces(one))) for one in made.entries} == expected

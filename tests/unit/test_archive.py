"""What `read_archive` takes and refuses: names, kinds, links, conflicts."""

import stat
import zipfile

import pytest
from archive_samples import FILE_MODE, LINK_MODE, Raw, raw_zip, zip_of

from ingle.artifacts import ArchiveError, read_archive
from ingle.artifacts.archive import Archive


def _content(archive: Archive) -> dict[str, bytes]:
    return {"/".join(entry.path): b"".join(archive.pieces(entry)) for entry in archive.entries}


def _refuses(content: bytes, detail: str) -> None:
    with pytest.raises(ArchiveError, match="Could not unzip uploaded file") as caught:
        read_archive(content)
    assert detail in caught.value.detail


def test_files_and_directories_are_read_back() -> None:
    archive = read_archive(
        zip_of(("a.py", b"x = 1"), ("lib/", b"", stat.S_IFDIR | 0o755), ("lib/b.py", b"y" * 100_000))
    )
    assert _content(archive) == {"a.py": b"x = 1", "lib": b"", "lib/b.py": b"y" * 100_000}
    assert [entry.kind for entry in archive.entries] == ["file", "directory", "file"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "..", "a/..", "a/../b", "./../x"])
def test_a_name_that_climbs_is_refused(name: str) -> None:
    _refuses(zip_of((name, b"x")), "climbs out")


@pytest.mark.parametrize("name", ["/x", "//x", "/etc/passwd", "C:x", "c:/x", "a\\b", "..\\x", "\\\\host\\share"])
def test_an_absolute_or_foreign_name_is_refused(name: str) -> None:
    _refuses(zip_of((name, b"x")), "absolute or not portable")


def test_a_name_with_nul_is_refused() -> None:
    _refuses(raw_zip(Raw(name=b"a.py\0.txt", data=b"x")), "NUL")


@pytest.mark.parametrize("name", ["x" * 256, "ü" * 128, "d/" * 64 + "x"])
def test_a_name_too_long_or_too_deep_is_refused(name: str) -> None:
    _refuses(zip_of((name, b"x")), "too long or too deep")


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, "d/" * 63 + "x", "...", "a..b", "..."])
def test_a_name_at_the_limit_is_taken(name: str) -> None:
    assert _content(read_archive(zip_of((name, b"x")))) == {name: b"x"}


def test_dots_and_double_slashes_in_names_are_dropped() -> None:
    assert _content(read_archive(zip_of(("./a//b/./c", b"x"), ("./", b"", stat.S_IFDIR | 0o755)))) == {"a/b/c": b"x"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["a", "./a", "a//"])
def test_a_name_that_comes_twice_is_refused(second: str) -> None:
    entry = (second, b"", stat.S_IFDIR | 0o755) if second.endswith("/") else (second, b"2", FILE_MODE)
    _refuses(zip_of(("a", b"1"), entry), "twice")


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("mode", [FILE_MODE, LINK_MODE])
def test_a_name_through_a_file_or_link_is_refused(order: int, mode: int) -> None:
    entries = [("a", b"b", mode), ("a/b", b"2", FILE_MODE)][::order]
    _refuses(zip_of(*entries), "goes through a file")


def test_a_link_that_stays_inside_is_kept() -> None:
    links = {"l": b"a/b", "d/up": b"../a", "d/e/far": b"../../a/./b/../b", "self": b"."}
    archive = read_archive(zip_of(("a/b", b"x"), *((name, to, LINK_MODE) for name, to in links.items())))
    assert {"/".join(entry.path): entry.target for entry in archive.entries if entry.kind == "link"} == links


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("l", b"/etc/passwd"), ("l", b".."), ("d/l", b"../../x"), ("l", b"a/../../x"), ("l", b"a\0b"),
        ("l", b""), ("l", b"x" * 1025),
    ],
)  # fmt: skip
def test_a_link_that_leads_out_is_refused(name: str, target: bytes) -> None:
    _refuses(zip_of((name, target, LINK_MODE)), "link")


def test_links_that_lead_out_only_together_are_refused() -> None:
    _refuses(zip_of(("d/e/up", b"../..", LINK_MODE), ("out", b"d/e/up/..", LINK_MODE)), "link")
    _refuses(zip_of(("z", b"d/e/up/../..", LINK_MODE), ("d/e/up", b"../..", LINK_MODE)), "link")


def test_links_through_links_that_stay_inside_are_kept() -> None:
    entries = [("lib.so", b"lib.so.1"), ("lib.so.1", b"lib.so.1.2"), ("d/e/up", b"../.."), ("again", b"d/e/up/d/e")]
    archive = read_archive(zip_of(("lib.so.1.2", b"x"), *((name, to, LINK_MODE) for name, to in entries)))
    assert len(archive.entries) == 5


def test_links_in_a_circle_are_refused() -> None:
    _refuses(zip_of(("a", b"b", LINK_MODE), ("b", b"a", LINK_MODE)), "link")
    _refuses(zip_of(("a", b"a", LINK_MODE)), "link")


def test_a_chain_of_links_beyond_what_linux_follows_is_refused() -> None:
    chain = [(f"l{at:04}", f"l{at + 1:04}".encode(), LINK_MODE) for at in range(2000)]
    _refuses(zip_of(*chain), "link")
    _refuses(zip_of(*chain[::-1]), "link")


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR, 0o110000])
def test_a_device_fifo_or_socket_is_refused(kind: int) -> None:
    _refuses(zip_of(("x", b"", kind | 0o644)), "neither a file")


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFREG, stat.S_IFLNK])
def test_a_directory_name_of_another_kind_is_refused(kind: int) -> None:
    _refuses(zip_of(("x/", b"", kind | 0o644)), "directory entry")


def test_a_directory_with_content_is_refused() -> None:
    _refuses(raw_zip(Raw(name=b"d/", data=b"x", mode=stat.S_IFDIR | 0o755)), "directory entry")


def test_an_encrypted_entry_is_refused() -> None:
    _refuses(raw_zip(Raw(name=b"x", data=b"y" * 12, flags=0x1)), "encrypted")


@pytest.mark.parametrize("method", [1, 9, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 93, 99])
def test_another_compression_is_refused(method: int) -> None:
    _refuses(raw_zip(Raw(name=b"x", data=b"y", method=method)), "unsupported method")


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o644, False), (0o600, False), (0o755, True), (0o010, True), (0o4711, True)]
)
def test_the_executable_bit_is_the_only_one_kept(mode: int, expected: bool) -> None:
    (entry,) = read_archive(zip_of(("x", b"y", stat.S_IFREG | mode))).entries
    assert entry.is_executable is expected


def test_files_of_archives_without_modes_are_executable() -> None:
    (entry,) = read_archive(raw_zip(Raw(name=b"x", data=b"y", system=0))).entries
    assert entry.is_executable
    (entry,) = read_archive(raw_zip(Raw(name=b"x", data=b"y", mode=0))).entries
    assert entry.is_executable


def test_a_link_mode_from_a_system_without_links_is_a_file() -> None:
    (entry,) = read_archive(raw_zip(Raw(name=b"x", data=b"/etc", system=0, mode=LINK_MODE))).entries
    assert entry.kind == "file"


def test_names_in_utf8_and_in_the_old_code_page_are_read() -> None:
    assert _content(read_archive(zip_of(("grüße/日本.txt", b"x")))) == {"grüße/日本.txt": b"x"}
    assert _content(read_archive(raw_zip(Raw(name=b"\x81", data=b"x")))) == {"ü": b"x"}

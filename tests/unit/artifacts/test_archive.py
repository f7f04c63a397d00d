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


@pytest.mark.parametrize("name", ["/x", "//x", "/etc/passwd"])
def test_an_absolute_name_is_refused(name: str) -> None:
    _refuses(zip_of((name, b"x")), "absolute")


@pytest.mark.parametrize("name", ["C:x", "c:\\x", "a\\b", "..\\x", "\\\\host\\share", "a:b/c"])
def test_what_means_something_to_other_systems_alone_is_part_of_a_name(name: str) -> None:
    assert _content(read_archive(zip_of((name, b"x")))) == {name: b"x"}


def test_the_entry_and_the_reason_follow_awss_text() -> None:
    with pytest.raises(ArchiveError) as caught:
        read_archive(zip_of(("fine", b"x"), ("lib/../../x", b"x")))
    assert str(caught.value) == (
        "Could not unzip uploaded file. Please check your file, then try to upload again. (lib/../../x: the name climbs out"
        " of the archive)"
    )
    with pytest.raises(ArchiveError, match=r"try to upload again\. \(not a zip archive: File is not a zip file\)"):
        read_archive(b"no zip")


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


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_directory_may_come_twice() -> None:
    directory = ("lib/", b"", stat.S_IFDIR | 0o755)
    archive = read_archive(zip_of(directory, ("lib/a", b"1"), directory, ("./lib/", b"")))
    assert _content(archive) == {"lib": b"", "lib/a": b"1"}
    assert len(archive.entries) == 2


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("mode", [FILE_MODE, LINK_MODE])
def test_a_name_through_a_file_or_link_is_refused(order: int, mode: int) -> None:
    entries = [("a", b"b", mode), ("a/b", b"2", FILE_MODE)][::order]
    _refuses(zip_of(*entries), "goes through a file")


def test_a_link_is_kept_wherever_it_leads() -> None:
    links = {
        "l": b"a/b", "d/up": b"../a", "self": b".", "out": b"/opt/python", "climbs": b"../../etc", "a1": b"a2", "a2": b"a1",
        "loop": b"loop", "long": b"x/" * 2047, "back\\slash": b"a\\b", "nowhere": b"none",
    }  # fmt: skip
    archive = read_archive(zip_of(("a/b", b"x"), *((name, to, LINK_MODE) for name, to in links.items())))
    assert {"/".join(entry.path): entry.target for entry in archive.entries if entry.kind == "link"} == links


@pytest.mark.parametrize("target", [b"a\0b", b"", b"x" * 4096])
def test_a_link_that_no_file_system_holds_is_refused(target: bytes) -> None:
    _refuses(zip_of(("l", target, LINK_MODE)), "link")


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR, 0o110000])
def test_a_device_fifo_or_socket_is_refused(kind: int) -> None:
    _refuses(zip_of(("x", b"", kind | 0o644)), "neither a file")


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFLNK])
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

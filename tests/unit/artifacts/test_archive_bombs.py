"""What `read_archive` does with bytes that lie: sizes, overlaps, floods, torn and foreign formats."""

import io
import struct
import zipfile
import zlib

import pytest
from archive_samples import Raw, deflate, raw_zip, zip_of

from ingle.artifacts import ArchiveError, ArchiveTooLargeError, lay_out_image, read_archive
from ingle.artifacts.archive import UNZIPPED_LIMIT_BYTES


def _read_all(content: bytes) -> dict[str, bytes]:
    archive = read_archive(content)
    return {"/".join(entry.path): b"".join(archive.pieces(entry)) for entry in archive.entries}


def _refused_when_read(content: bytes) -> None:
    with pytest.raises(ArchiveError):
        _read_all(content)
    with pytest.raises(ArchiveError):
        list(lay_out_image(read_archive(content)))


def test_an_archive_that_unfolds_beyond_the_limit_is_too_large() -> None:
    with pytest.raises(ArchiveTooLargeError, match="Unzipped size must be smaller than 262144000 bytes"):
        read_archive(raw_zip(Raw(name=b"x", data=b"y", size=UNZIPPED_LIMIT_BYTES + 1)))
    halves = [Raw(name=name, data=b"y", size=UNZIPPED_LIMIT_BYTES // 2 + 1) for name in (b"a", b"b")]
    with pytest.raises(ArchiveTooLargeError):
        read_archive(raw_zip(*halves))


def test_an_archive_of_exactly_the_limit_is_taken() -> None:
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    zeros, crc, packed = bytes(1 << 20), 0, b""
    for _ in range(UNZIPPED_LIMIT_BYTES // len(zeros)):
        packed += packer.compress(zeros)
        crc = zlib.crc32(zeros, crc)
    packed += packer.flush()
    archive = read_archive(raw_zip(Raw(name=b"x", data=packed, method=8, crc=crc, size=UNZIPPED_LIMIT_BYTES)))
    assert sum(map(len, archive.pieces(archive.entries[0]))) == UNZIPPED_LIMIT_BYTES


def test_an_entry_that_inflates_beyond_its_size_yields_no_more_than_that() -> None:
    content = b"a" * 50_000_000
    lying = raw_zip(Raw(name=b"x", data=deflate(content), method=8, crc=zlib.crc32(content), size=10))
    archive = read_archive(lying)
    sent = 0
    with pytest.raises(ArchiveError):
        for piece in archive.pieces(archive.entries[0]):
            sent += len(piece)
    assert sent <= 10


def test_an_entry_shorter_than_it_says_is_refused() -> None:
    _refused_when_read(raw_zip(Raw(name=b"x", data=deflate(b"abc"), method=8, crc=zlib.crc32(b"abc"), size=4000)))
    _refused_when_read(raw_zip(Raw(name=b"x", data=b"abc", size=4)))


def test_only_the_central_directory_is_believed() -> None:
    honest_inside = Raw(name=b"x", data=b"abc", local_size=1 << 31, local_packed_size=1 << 31)
    assert _read_all(raw_zip(honest_inside)) == {"x": b"abc"}


def test_a_local_header_of_another_name_is_refused() -> None:
    _refused_when_read(raw_zip(Raw(name=b"x", data=b"abc", local_name=b"y")))


def test_a_local_name_that_is_not_utf8_is_refused() -> None:
    _refused_when_read(raw_zip(Raw(name=b"x", data=b"abc", local_name=b"\xff", flags=0x800)))


def test_a_wrong_checksum_is_refused() -> None:
    _refused_when_read(raw_zip(Raw(name=b"x", data=b"abc", crc=1)))


def test_entries_that_share_bytes_are_refused() -> None:
    kernel = Raw(name=b"a", data=deflate(bytes(100_000)), method=8, crc=zlib.crc32(bytes(100_000)), size=100_000)
    again = Raw(name=b"b", method=8, crc=kernel.crc, size=100_000, packed_size=len(kernel.data), offset=0)
    with pytest.raises(ArchiveError) as caught:
        read_archive(raw_zip(kernel, again))
    assert "overlap" in caught.value.detail


@pytest.mark.parametrize("offset", [50, 10_000, 0xFFFFFFFE])
def test_an_entry_outside_of_the_archive_is_refused(offset: int) -> None:
    with pytest.raises(ArchiveError):
        _read_all(raw_zip(Raw(name=b"x", data=b"abc", offset=offset)))


def test_a_header_at_the_very_end_is_refused() -> None:
    content = raw_zip(Raw(name=b"x", size=1, packed_size=0, crc=0, offset=90))
    assert 90 < len(content) < 90 + 30
    _refused_when_read(content)


def test_a_flood_of_entries_is_refused_before_they_are_parsed() -> None:
    one = struct.pack("<4s4B4H3L5H2L", b"PK\1\2", 20, 3, 20, *[0] * 15)
    flood = one * 1_000_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, len(flood), 0, 0)
    with pytest.raises(ArchiveError) as caught:
        read_archive(flood + end)
    assert caught.value.detail == "too many entries"


def test_a_zip64_archive_is_read() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive, archive.open("x", "w", force_zip64=True) as file:
        file.write(b"abc")
    assert _read_all(made.getvalue()) == {"x": b"abc"}


def test_more_entries_than_the_old_format_counts_are_read() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(65_600):
            archive.writestr(zipfile.ZipInfo(f"{number:x}"), b"")
    assert len(read_archive(made.getvalue()).entries) == 65_600


def test_an_empty_archive_has_no_entries() -> None:
    assert read_archive(zip_of()).entries == []
    assert len(b"".join(lay_out_image(read_archive(zip_of())))) == 2 * 4096


def test_a_comment_is_no_harm() -> None:
    assert _read_all(zip_of(("x", b"abc"), comment=b"c" * 60_000)) == {"x": b"abc"}


@pytest.mark.parametrize("size", [1, 22, 4096, 70_000])
def test_data_in_front_is_no_harm(size: int) -> None:
    assert _read_all(b"#" * size + zip_of(("x", b"abc"))) == {"x": b"abc"}


def test_a_truncated_archive_is_refused_wherever_it_is_cut() -> None:
    whole = zip_of(("x", b"abc"), ("d/y", b"z" * 50))
    for size in range(len(whole)):
        with pytest.raises(ArchiveError):
            _read_all(whole[:size])


@pytest.mark.parametrize("content", [b"", b"PK", b"\x1f\x8b\x08" + bytes(100), b"def handler(): pass", b"PK\3\4" * 99])
def test_what_is_not_a_zip_is_refused(content: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"Could not unzip uploaded file\. Please check"):
        read_archive(content)


@pytest.mark.parametrize("size", [21, 22, 30, 45, 46, 100])
def test_a_directory_that_says_it_is_elsewhere_is_refused(size: int) -> None:
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, size, 1000, 0)
    with pytest.raises(ArchiveError):
        _read_all(bytes(20) + end)

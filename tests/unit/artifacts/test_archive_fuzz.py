"""Whatever bytes arrive, an archive is read or refused: nothing else, within bounds."""

from archive_samples import LINK_MODE, zip_of
from hypothesis import given, settings
from hypothesis import strategies as st

from ingle.artifacts import ArchiveError, lay_out_image, read_archive

_SAMPLES = [
    zip_of(
        ("a.py", b"def handler(event, context): return event"), ("lib/b.py", b"x" * 300), ("lib/l", b"b.py", LINK_MODE)
    ),
    zip_of(("d/", b""), ("grüße", b""), ("big", bytes(9000)), comment=b"comment"),
    b"prefix" + zip_of(("x", b"abc")),
]


def _read(content: bytes) -> None:
    """Do with an archive all that is ever done with one; the sizes told are the sizes that come."""
    try:
        archive = read_archive(content)
    except ArchiveError:
        return
    for entry in archive.entries:
        try:
            size = sum(map(len, archive.pieces(entry)))
        except ArchiveError:
            continue
        assert size == entry.size or entry.source is None
    try:
        size = sum(map(len, lay_out_image(archive)))
    except ArchiveError:
        return
    assert size % 4096 == 0


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_read_or_refused(content: bytes) -> None:
    _read(content)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_arbitrary_directories_are_read_or_refused(content: bytes, count: int, size: int, offset: int) -> None:
    end = b"PK\5\6" + bytes(4) + count.to_bytes(2, "little") * 2
    _read(b"PK\1\2" + content + end + size.to_bytes(4, "little") + offset.to_bytes(4, "little") + bytes(2))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(_SAMPLES), st.lists(st.tuples(st.integers(0, 4095), st.integers(1, 255)), min_size=1, max_size=4)
)
def test_an_archive_with_changed_bytes_is_read_or_refused(content: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(content)
    for at, mask in changes:
        changed[at % len(changed)] ^= mask
    _read(bytes(changed))


def test_an_archive_with_any_one_byte_set_is_read_or_refused() -> None:
    for content in _SAMPLES[::2]:
        for at in range(len(content)):
            for value in (0, 1, 0x7F, 0xFF):
                _read(content[:at] + bytes([value]) + content[at + 1 :])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(_SAMPLES), st.integers(0, 4095), st.integers(0, 4095), st.binary(max_size=8))
def test_an_archive_with_a_piece_replaced_is_read_or_refused(content: bytes, at: int, end: int, piece: bytes) -> None:
    at, end = sorted((at % len(content), end % len(content)))
    _read(content[:at] + piece + content[end:])

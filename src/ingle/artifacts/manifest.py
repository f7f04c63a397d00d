"""The manifest of a sealed object: its length and its chunks, in order."""

import msgspec

CHUNK_BYTES = 512 * 1024


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is needed, beside the data key, to read an object back; `chunks` are names of sealed chunks."""

    format: int = 1
    object_bytes: int
    chunks: tuple[str, ...]

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @staticmethod
    def decode(document: bytes) -> "Manifest":
        """Parse a manifest. Raises msgspec.ValidationError where it is none."""
        return msgspec.json.decode(document, type=Manifest)

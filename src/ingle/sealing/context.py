"""The encryption context: what a sealed object belongs to, authenticated with it (KMS developer guide)."""

from collections.abc import Mapping

EncryptionContext = Mapping[str, str]


def canonical_context(context: EncryptionContext) -> bytes:
    """Return the one byte string of a context: pairs sorted by key, each text preceded by its length."""
    parts = []
    for key in sorted(context):
        for text in (key, context[key]):
            raw = text.encode()
            parts.append(len(raw).to_bytes(4, "big") + raw)
    return b"".join(parts)

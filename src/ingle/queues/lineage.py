"""How often a chain of invocations has come through a function: the part `Lineage` of the trace header.

Functions that are each other's destinations would call each other for ever. Lambda counts in the trace header how often
a chain has reached each function and stops it after about 16 times (developer guide, "Recursive loop detection").
"""

import hashlib
import re

LIMIT = 16
"""How often one chain may reach one function."""
_PART = re.compile(rb"(?:^|;)Lineage=([0-9a-f]{8}:\d{1,6}(?:\|[0-9a-f]{8}:\d{1,6})*)")
_FUNCTIONS = 8
"""How many functions of a chain are remembered: those it reached last."""
_FORGOTTEN = b"00000000"
"""The mark of all others together: a ring of more functions than are remembered ends by it."""
_FORGOTTEN_LIMIT = LIMIT * LIMIT
_COUNT_LIMIT = 999_999


def visits(trace: bytes, function: str) -> int:
    """Return how often the chain of this trace header has reached a function, named by its unqualified ARN.

    Of a chain that has gone through very many functions nobody knows that any more: it is taken to have come often.
    """
    counts = _counts(trace)
    return LIMIT + 1 if counts.get(_FORGOTTEN, 0) > _FORGOTTEN_LIMIT else counts.get(_mark(function), 0)


def extended(trace: bytes, function: str) -> bytes:
    """Return the trace header of an invocation by which a chain reaches a function once more."""
    counts, mark = _counts(trace), _mark(function)
    forgotten = counts.pop(_FORGOTTEN, 0)
    counts[mark] = counts.pop(mark, 0) + 1
    while len(counts) > _FUNCTIONS:
        forgotten += counts.pop(next(iter(counts)))
    told = ({_FORGOTTEN: forgotten} if forgotten else {}) | counts
    part = b"|".join(b"%s:%d" % (name, min(count, _COUNT_LIMIT)) for name, count in told.items())
    kept = _PART.sub(b"", trace).strip(b";")
    return b";".join(filter(None, (kept, b"Lineage=" + part)))


def _counts(trace: bytes) -> dict[bytes, int]:
    found = _PART.search(trace)
    pairs = [item.split(b":") for item in found[1].split(b"|")] if found else []
    return {mark: int(count) for mark, count in pairs}


def _mark(function: str) -> bytes:
    return hashlib.sha256(function.encode()).hexdigest()[:8].encode()

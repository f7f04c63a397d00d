"""Lines of a function's log as a person reads them: when, which version, what. Pure."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

_SPAN = re.compile(r"(\d+)([smhd]?)")
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_VERSION = re.compile(r"\[(\$LATEST|\d+)\]")
_OF_REQUEST = re.compile(r"(?:START|END|REPORT) RequestId: ([0-9a-f-]{36})")
_OF_PLATFORM = re.compile(
    r"(START|END|REPORT|INIT_START|INIT_REPORT|RESTORE_START|RESTORE_REPORT|EXTENSION|TELEMETRY)\b"
)
_ERROR = re.compile(r"\[?(ERROR|CRITICAL|FATAL)\b|Traceback |.*\bTask timed out after\b|Runtime exited|Runtime\.")
_FAILURE = re.compile(r"\[ERROR\] (?:Runtime\.)?(?P<kind>\w+): (?P<reason>[^\r\n]*)")
_ENDED = re.compile(r"INIT_REPORT .*\tStatus: (?:error\tError Type: Runtime\.)?(\w+)")
_SYNTAX = re.compile(r"Syntax error in module '[^']*': (?P<reason>.*) \((?P<file>[^(),]+), line (?P<line>\d+)\)")
_PLACE = re.compile(r'File "/var/task/([^"]+)", line (\d+)')

Paint = Callable[[str, str], str]
"""Returns a text in a style, or as it is where nothing shows styles."""


def parse_span(text: str) -> int:
    """Return the seconds of `90`, `90s`, `10m`, `2h` or `1d`. Raises ValueError."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no time: write 30s, 10m, 2h or 1d")
    return int(found[1]) * _UNITS_S[found[2]]


def render_line(event: dict[str, Any], paint: Paint) -> str:
    """Return an event in one line, or in as many as its message has: time in UTC, version, message."""
    at_ms = event["timestamp"]
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms // 1000)) + f".{at_ms % 1000:03d}Z"
    named = _VERSION.search(event.get("logStreamName", ""))
    message = event["message"].rstrip("\n")
    style = "dim" if _OF_PLATFORM.match(message) else "red" if _ERROR.match(message) else None
    head = paint("dim", f"{moment} {named[1] if named else '-'}")
    return f"{head} {paint(style, message) if style else message}"


def describe_failure(message: str) -> str | None:
    """Return what a message says of an init that failed: the error, the place in the code, and the reason."""
    found = _FAILURE.search(message)
    if found is None:
        ended = _ENDED.search(message)
        return f"doesn't start: {ended[1]}" if ended is not None else None
    kind, reason = found["kind"], found["reason"].strip()
    syntax = _SYNTAX.search(reason)
    if syntax is not None:
        return f"SyntaxError {syntax['file']}:{syntax['line']}: {syntax['reason']}"
    places = _PLACE.findall(message)
    return " ".join((kind, ":".join(places[-1]))) + f": {reason}" if places else f"{kind}: {reason}"


class RequestFilter:
    """Tells which lines belong to one request: an environment serves one at a time, from START to the next START."""

    def __init__(self, request_id: str | None) -> None:
        self._wanted = request_id
        self._serving: dict[str, str] = {}

    def takes(self, event: dict[str, Any]) -> bool:
        """Say whether the next event of the log belongs to the request; without a wanted one, every event does."""
        if self._wanted is None:
            return True
        stream, message = event.get("logStreamName", ""), event["message"]
        named = _request_id(message)
        if named is not None:
            self._serving[stream] = named
        return self._serving.get(stream) == self._wanted


def _request_id(message: str) -> str | None:
    """Return the request that a line of the platform or a JSON line names."""
    found = _OF_REQUEST.match(message)
    if found is not None:
        return found[1]
    if not message.startswith("{"):
        return None
    try:
        told = json.loads(message)
    except ValueError:
        return None
    record = told.get("record")
    held = (record if isinstance(record, dict) else told).get("requestId")
    return held if isinstance(held, str) else None

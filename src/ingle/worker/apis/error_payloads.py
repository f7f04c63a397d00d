"""The error payloads that the service itself answers with (execution reference, "Error payloads")."""

import os

import msgspec

from ingle.values import RESPONSE_LIMIT_BYTES


def render_payload(error_type: str, message: str) -> bytes:
    """Return the JSON body of an error of the platform."""
    return msgspec.json.encode({"errorType": error_type, "errorMessage": message})


def timed_out(request_id: str, timeout_s: float) -> bytes:
    return render_payload(
        "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
    )


def ended(error_type: str, request_id: str, reason: str) -> bytes:
    """Return the payload for a runtime or an extension that ended by itself."""
    return render_payload(error_type, f"RequestId: {request_id} Error: {reason}")


INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"
"""What init tells where there is no program to become; the message says why."""


def exit_reason(status: int, out_of_memory: bool) -> str:
    """Return how a runtime ended, as Lambda words it; the kernel's killer of processes counts as SIGKILL."""
    if out_of_memory:
        return "Runtime exited with error: signal: killed"
    if os.WIFSIGNALED(status):
        return f"Runtime exited with error: signal: {_signal_name(os.WTERMSIG(status))}"
    code = os.waitstatus_to_exitcode(status)
    return f"Runtime exited with error: exit status {code}" if code else "Runtime exited without providing a reason"


def process_exit_reason(status: int) -> str:
    """Return how an extension ended, as Lambda words it."""
    if os.WIFSIGNALED(status):
        return f"signal: {_signal_name(os.WTERMSIG(status))}"
    code = os.waitstatus_to_exitcode(status)
    return f"exit status {code}" if code else "exit code 0"


class _Error(msgspec.Struct):
    errorMessage: str | None = ""


def message_of(body: bytes) -> str:
    """Return the message of an error that a runtime tells of; nothing where it tells none."""
    try:
        return msgspec.json.decode(body, type=_Error).errorMessage or ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


_SIGNALS = {
    2: "interrupt", 4: "illegal instruction", 6: "aborted", 7: "bus error", 8: "floating point exception",
    9: "killed", 11: "segmentation fault", 13: "broken pipe", 15: "terminated", 31: "bad system call",
}  # fmt: skip


def _signal_name(number: int) -> str:
    return _SIGNALS.get(number, f"signal {number}")


def too_large(limit_bytes: int = RESPONSE_LIMIT_BYTES) -> bytes:
    """Return the payload for a response that is larger than the data plane takes."""
    return render_payload(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({limit_bytes} bytes).",
    )


def truncated() -> bytes:
    """Return the payload for a streamed response that its runtime broke off without ending."""
    return render_payload("Runtime.TruncatedResponse", "The runtime broke off its response")


def fit_type(given: bytes) -> str:
    """Return an error type as a client may give it; any other is Runtime.Unknown (execution reference, section 1)."""
    family, _, name = given.decode("ascii", "replace").partition(".")
    is_known = family in ("Runtime", "Function") and name.isalpha() and name[:1].isupper()
    return f"{family}.{name}" if is_known else "Runtime.Unknown"

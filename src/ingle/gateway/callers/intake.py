"""Payloads on their way in: a signature covers a payload as a whole, so nothing begins before all of it is here."""

from ingle.protocol import AwsError
from ingle.transport import BodyTooLargeError, Exchange, Holding, IntakeFullError, physical_memory_bytes
from ingle.values import MIB, PAYLOAD_LIMIT_BYTES


def intake_limit_bytes() -> int:
    """Return what all payloads together may hold: a quarter of the machine's memory, at least 512 MiB."""
    return max(512 * MIB, physical_memory_bytes() // 4)


async def read_payload(exchange: Exchange, holding: Holding) -> bytes:
    """Return the payload. Raises AwsError where it is too large, or where too many are on their way or being served."""
    try:
        return await holding.read(exchange, PAYLOAD_LIMIT_BYTES)
    except BodyTooLargeError:
        raise request_too_large() from None
    except IntakeFullError:
        raise AwsError("ServiceUnavailableException", "Too many payloads are on their way; try again.") from None


def request_too_large() -> AwsError:
    """Return the error of a payload above the limit."""
    return AwsError(
        "RequestTooLargeException",
        f"Request must be smaller than {PAYLOAD_LIMIT_BYTES} bytes for the InvokeFunction operation",
    )

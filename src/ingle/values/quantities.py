"""Sizes that more than one package knows, in bytes."""

MIB = 1024 * 1024

PAYLOAD_LIMIT_BYTES = 6 * MIB
"""The largest request of a synchronous invocation (Lambda quotas)."""

EVENT_LIMIT_BYTES = MIB
"""The largest request of an asynchronous invocation (Lambda quotas)."""

RESPONSE_LIMIT_BYTES = 6 * MIB + 100
"""The largest buffered response that the data plane takes from a runtime (AWS's runtime interface emulator)."""

STREAM_LIMIT_BYTES = 200 * MIB
"""The largest streamed response (Lambda quotas)."""

STREAM_BUFFER_BYTES = 256 * 1024
"""What one hop holds of a streamed body before it stops reading."""

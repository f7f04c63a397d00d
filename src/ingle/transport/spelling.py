"""How the names of headers are written. Any case is right by RFC 9110; clients that look for AWS's letters are many.

Programs compare names in small letters, and so does everything here that reads them. What is written goes through
`SPELLINGS`; a name that is not in it stays as it is.
"""

_NAMES = (
    b"Access-Control-Allow-Credentials", b"Access-Control-Allow-Headers", b"Access-Control-Allow-Methods",
    b"Access-Control-Allow-Origin", b"Access-Control-Expose-Headers", b"Access-Control-Max-Age", b"Allow",
    b"Cache-Control", b"Connection", b"Content-Encoding", b"Content-Length", b"Content-Type", b"Date", b"ETag",
    b"Lambda-Extension-Event-Identifier", b"Lambda-Extension-Identifier", b"Lambda-Runtime-Aws-Request-Id",
    b"Lambda-Runtime-Aws-Tenant-Id", b"Lambda-Runtime-Client-Context", b"Lambda-Runtime-Cognito-Identity",
    b"Lambda-Runtime-Deadline-Ms", b"Lambda-Runtime-Invoked-Function-Arn", b"Lambda-Runtime-Trace-Id", b"Location",
    b"Retry-After", b"Set-Cookie", b"Transfer-Encoding", b"Vary", b"X-Amz-Executed-Version", b"X-Amz-Function-Error",
    b"X-Amz-Log-Result", b"X-Amzn-Trace-Id", b"x-amzn-ErrorType", b"x-amzn-RequestId",
)  # fmt: skip
SPELLINGS = {name.lower(): name for name in _NAMES}


def spell(name: bytes) -> bytes:
    """Return a header's name as AWS writes it."""
    return SPELLINGS.get(name, name)

"""What verifying one signature costs: Ingle's check against botocore's signer, which does the same sums to sign."""

import hashlib
import statistics
import time
from collections.abc import Callable

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from harness import print_table

from ingle.protocol import sigv4

URL = "http://127.0.0.1:9100/2015-03-31/functions/hello/invocations"


def one_request(number: int) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    """Return target, headers and body of a request with its own body and signature."""
    body = b'{"number": %d}' % number
    request = AWSRequest("POST", URL, data=body, headers={"Host": "127.0.0.1:9100"})
    SigV4Auth(Credentials("AKIDEXAMPLE", "secret"), "lambda", "us-east-1").add_auth(request)
    headers = [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
    return b"/2015-03-31/functions/hello/invocations", headers, body


def verify(target: bytes, headers: list[tuple[bytes, bytes]], body: bytes, key: bytes) -> None:
    signed = sigv4.parse_authorization(target, headers)
    sigv4.check_time(signed, time.time_ns() // 1_000_000)
    sigv4.check_scope(signed, "lambda")
    payload = sigv4.payload_sha256(signed, headers, hashlib.sha256(body).hexdigest())
    sigv4.verify(signed, key, b"POST", target, headers, payload)


def microseconds(act: Callable[[int], object], count: int, rounds: int = 5) -> float:
    """Return the median over `rounds` of the time that one of `count` calls takes."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        for number in range(count):
            act(number)
        times.append((time.perf_counter() - started) / count * 1e6)
    return statistics.median(times)


def main(count: int = 3000) -> None:
    """Print the table."""
    requests = [one_request(number) for number in range(count)]
    key = sigv4.derive_signing_key("secret", time.strftime("%Y%m%d", time.gmtime()), "us-east-1", "lambda")
    ours = microseconds(lambda number: verify(*requests[number], key), count)
    theirs = microseconds(one_request, count)
    rows = [("Ingle verifies", f"{ours:.1f}", f"{ours / theirs:.2f}"), ("botocore signs", f"{theirs:.1f}", "1.00")]
    print_table("One signature, in microseconds", ("what", "us", "of botocore's"), rows)


if __name__ == "__main__":
    main()

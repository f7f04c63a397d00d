"""The rate of management calls, on a clock that is set by hand."""

import pytest

from ingle.control.api.call_rate import CallRate
from ingle.protocol import AwsError


def count(rate: CallRate, operation: str, now_s: float, *, region: str = "us-east-1", account: str = "1") -> int:
    """Return how many calls are let through at one moment."""
    for made in range(1000):
        try:
            rate.take(account, region, operation, now_s)
        except AwsError as error:
            assert (error.code, error.status) == ("TooManyRequestsException", 429)
            assert error.body() == {"Type": "User", "message": "Rate exceeded", "Reason": "CallerRateLimitExceeded"}
            return made
    return 1000


def test_so_many_calls_a_second_are_let_through() -> None:
    rate = CallRate(15)
    assert count(rate, "ListFunctions", 0) == 15
    assert count(rate, "CreateFunction", 0) == 0
    assert count(rate, "CreateFunction", 0.2) == 3
    assert count(rate, "CreateFunction", 100) == 15


@pytest.mark.parametrize(("operation", "calls"), [("GetFunction", 100), ("GetPolicy", 15)])
def test_some_operations_are_counted_apart(operation: str, calls: int) -> None:
    rate = CallRate(15)
    assert count(rate, "ListFunctions", 0) == 15
    assert count(rate, operation, 0) == calls


def test_accounts_and_regions_are_counted_apart() -> None:
    rate = CallRate(3)
    assert count(rate, "ListFunctions", 0) == 3
    assert count(rate, "ListFunctions", 0, region="eu-west-1") == 3
    assert count(rate, "ListFunctions", 0, account="2") == 3
    assert count(rate, "ListFunctions", 0) == 0

"""Every error of our domain has an AWS code, every code a status."""

import inspect

import pytest

from ingle import artifacts, functions
from ingle.control.api.errors import CODES, to_aws
from ingle.protocol import AwsError
from ingle.values import IngleError

ALL = [
    one
    for package in (functions, artifacts)
    for _, one in inspect.getmembers(package, inspect.isclass)
    if issubclass(one, IngleError) and one.__name__ not in ("ChunkTamperedError", "ChunkMissingError")
]


@pytest.mark.parametrize("error", ALL)
def test_every_error_of_functions_and_archives_is_in_the_table(error: type[IngleError]) -> None:
    assert error in CODES


@pytest.mark.parametrize("code", sorted(set(CODES.values())))
def test_every_code_has_a_status(code: str) -> None:
    assert 400 <= AwsError(code, "text").status < 500


def test_an_error_outside_the_table_is_our_own_mistake() -> None:
    class NewError(IngleError):
        pass

    with pytest.raises(NewError):
        to_aws(NewError("forgotten"))


def test_an_aws_error_stays_what_it_is() -> None:
    error = AwsError("ValidationException", "text")
    assert to_aws(error) is error

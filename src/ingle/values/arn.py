"""Function names and ARNs, in the three forms that Lambda takes (API reference, FunctionName)."""

import dataclasses
import functools
import hashlib
import re

from ingle.values.errors import IngleError

_REFERENCE = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:(?P<region>[a-z0-9-]+):)?(?:(?P<account>[0-9]{12}):)?"
    r"(?:(?P<word>function):)?(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)


class InvalidFunctionNameError(IngleError):
    """A text that is neither a function name nor a partial or full function ARN."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FunctionArn:
    """The identity of a function, or of one of its versions or aliases when it has a qualifier."""

    region: str
    account: str
    name: str
    qualifier: str | None = None

    def __str__(self) -> str:
        tail = f":{self.qualifier}" if self.qualifier else ""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}{tail}"

    def qualified(self, qualifier: str | None) -> "FunctionArn":
        """Return the same function under another qualifier, or under none."""
        return dataclasses.replace(self, qualifier=qualifier)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FunctionReference:
    """What a caller wrote where a function name is wanted; what it left out is None."""

    name: str
    region: str | None = None
    account: str | None = None
    qualifier: str | None = None


@functools.lru_cache(maxsize=4096)
def parse_function_reference(text: str) -> FunctionReference:
    """Parse a name (`f`, `f:1`), a partial ARN (`123456789012:function:f`) or a full ARN.

    The word `function` may be left out, as AWS's pattern has it: an ARN that ends with it means a function of that name.
    Raises InvalidFunctionNameError for anything else.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None or (match["region"] and not match["account"]):
        raise InvalidFunctionNameError(f"not a function name or ARN: {text}")
    return FunctionReference(
        name=match["name"], region=match["region"], account=match["account"], qualifier=match["qualifier"]
    )


def parse_function_arn(text: str) -> FunctionArn:
    """Parse a full ARN, with or without a qualifier. Raises InvalidFunctionNameError for anything else."""
    parts = parse_function_reference(text)
    if parts.region is None or parts.account is None:
        raise InvalidFunctionNameError(f"not a function ARN: {text}")
    return FunctionArn(region=parts.region, account=parts.account, name=parts.name, qualifier=parts.qualifier)


def runtime_version_arn(region: str, runtime: str) -> str:
    """Return the ARN of the one version that a host has of each runtime: its own."""
    return f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(runtime.encode()).hexdigest()}"

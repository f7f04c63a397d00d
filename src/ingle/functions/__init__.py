"""What users declare: functions, versions, aliases, layers, concurrency settings, event source mappings."""

from ingle.functions.errors import (
    CodeSha256MismatchError,
    FunctionExistsError,
    FunctionNotFoundError,
    FunctionNotReadyError,
    InvalidSettingError,
    RevisionMismatchError,
    UpdateInProgressError,
)
from ingle.functions.function import LATEST, Code, Function, Version
from ingle.functions.rules import RESERVED_VARIABLES, check_runtime, check_variables

__all__ = [
    "LATEST",
    "RESERVED_VARIABLES",
    "Code",
    "CodeSha256MismatchError",
    "Function",
    "FunctionExistsError",
    "FunctionNotFoundError",
    "FunctionNotReadyError",
    "InvalidSettingError",
    "RevisionMismatchError",
    "UpdateInProgressError",
    "Version",
    "check_runtime",
    "check_variables",
]

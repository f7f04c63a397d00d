"""Domain errors as AWS's, in one table."""

from ingle import functions
from ingle.artifacts import ArchiveError, ArchiveTooLargeError
from ingle.protocol import AwsError
from ingle.telemetry import InvalidFilterPatternError
from ingle.values import IngleError, InvalidFunctionNameError, InvalidLayerArnError

CODES: dict[type[IngleError], str] = {
    functions.FunctionNotFoundError: "ResourceNotFoundException",
    functions.FunctionExistsError: "ResourceConflictException",
    functions.AliasExistsError: "ResourceConflictException",
    functions.AliasNotFoundError: "ResourceNotFoundException",
    functions.AliasToUpdateNotFoundError: "ResourceNotFoundException",
    functions.VersionInUseError: "ResourceConflictException",
    functions.VersionProvisionedError: "ResourceConflictException",
    functions.AliasProvisionedError: "ResourceConflictException",
    functions.ProvisionedNotFoundError: "ProvisionedConcurrencyConfigNotFoundException",
    functions.LayerVersionNotFoundError: "ResourceNotFoundException",
    functions.FunctionDoesNotExistError: "ResourceNotFoundException",
    functions.FunctionUrlExistsError: "ResourceConflictException",
    functions.FunctionUrlNotFoundError: "ResourceNotFoundException",
    functions.InvalidSettingError: "InvalidParameterValueException",
    functions.UntypedSettingError: "InvalidParameterValueException",
    functions.CodeVerificationFailedError: "CodeVerificationFailedException",
    functions.InvalidCodeSignatureError: "InvalidCodeSignatureException",
    functions.MappingExistsError: "ResourceConflictException",
    functions.MappingInUseError: "ResourceInUseException",
    functions.PolicyNotFoundError: "ResourceNotFoundException",
    functions.PolicyTooLongError: "PolicyLengthExceededException",
    functions.StatementExistsError: "ResourceConflictException",
    functions.StatementNotFoundError: "ResourceNotFoundException",
    functions.RevisionMismatchError: "PreconditionFailedException",
    functions.UpdateInProgressError: "ResourceConflictException",
    functions.FunctionNotReadyError: "ResourceConflictException",
    functions.CodeSha256MismatchError: "InvalidParameterValueException",
    ArchiveError: "InvalidParameterValueException",
    ArchiveTooLargeError: "InvalidParameterValueException",
    InvalidFunctionNameError: "InvalidParameterValueException",
    InvalidLayerArnError: "InvalidParameterValueException",
    InvalidFilterPatternError: "InvalidParameterException",
}


def to_aws(error: IngleError) -> AwsError:
    """Return the AWS error for a domain error. Raises the error itself where the table doesn't have it."""
    if isinstance(error, AwsError):
        return error
    code = CODES.get(type(error))
    if code is None:
        raise error
    return AwsError(code, str(error), has_type=not isinstance(error, functions.UntypedSettingError))

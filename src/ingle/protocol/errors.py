"""AWS's errors, as values that a front turns into an answer."""

from typing import Literal

from ingle.values import IngleError

Fault = Literal["User", "Service"]

_STATUS = {
    "AccessDeniedException": 403,
    "CodeSigningConfigNotFoundException": 404,
    "CodeStorageExceededException": 400,
    "CodeVerificationFailedException": 400,
    "InvalidCodeSignatureException": 400,
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 400,
    "InvalidParameterValueException": 400,
    "InvalidOperationException": 400,
    "InvalidParameterException": 400,
    "LimitExceededException": 400,
    "ResourceAlreadyExistsException": 400,
    "TooManyTagsException": 400,
    "InvalidRequestContentException": 400,
    "InvalidRuntimeException": 502,
    "InvalidSignatureException": 403,
    "InvalidZipFileException": 502,
    "MissingAuthenticationTokenException": 403,
    "NotImplementedException": 501,
    "PolicyLengthExceededException": 400,
    "PreconditionFailedException": 412,
    "ProvisionedConcurrencyConfigNotFoundException": 404,
    "RequestEntityTooLargeException": 413,
    "RequestTooLargeException": 413,
    "ResourceConflictException": 409,
    "ResourceInUseException": 400,
    "ResourceNotFoundException": 404,
    "SerializationException": 400,
    "ServiceException": 500,
    "SnapStartException": 400,
    "SnapStartNotReadyException": 409,
    "SnapStartTimeoutException": 408,
    "ServiceUnavailableException": 503,
    "TooManyRequestsException": 429,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "UnsupportedMediaTypeException": 415,
    "ValidationException": 400,
}
_MESSAGE_WITH_CAPITAL = frozenset(
    {
        "CodeSigningConfigNotFoundException",
        "CodeVerificationFailedException",
        "InvalidCodeSignatureException",
        "InvalidRuntimeException",
        "ResourceInUseException",
        "ResourceNotFoundException",
        "ServiceException",
        "AccessDeniedException",
        "SnapStartException",
        "SnapStartNotReadyException",
        "SnapStartTimeoutException",
    }
)
_WITHOUT_TYPE = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "NotImplementedException",
        "UnknownOperationException",
        "UnrecognizedClientException",
        "ValidationException",
    }
)


class AwsError(IngleError):
    """An error that the client is told: AWS's code, a message, the HTTP status, and further members of the body.

    A few have no Type, though others of their code do.
    """

    def __init__(
        self, code: str, message: str, *, status: int | None = None, has_type: bool = True, **fields: str
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status if status is not None else _STATUS[code]
        self.has_type = has_type and code not in _WITHOUT_TYPE
        self.fields = fields

    def body(self) -> dict[str, str]:
        """Return the members of the JSON body, as Lambda names them for this code (API reference, exceptions)."""
        key = "Message" if self.code in _MESSAGE_WITH_CAPITAL else "message"
        members = {key: self.message, **self.fields}
        if self.has_type:
            members = {"Type": "Service" if self.status >= 500 else "User", **members}
        return members


def validation_error(problems: list[str]) -> AwsError:
    """Return the error of shape validation (family 1): the problems counted and joined."""
    noun = "error" if len(problems) == 1 else "errors"
    return AwsError("ValidationException", f"{len(problems)} validation {noun} detected: {'; '.join(problems)}")


def not_implemented(service: str, operation: str) -> AwsError:
    """Return the answer to an operation of the model that Ingle doesn't have yet."""
    return AwsError("NotImplementedException", f"Ingle does not implement {service}:{operation} yet.")

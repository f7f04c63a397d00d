"""What becomes of asynchronous invocations (API reference, section 11)."""

import msgspec

from ingle.functions.errors import InvalidSettingError
from ingle.values import FunctionArn

_DESTINATIONS = ("lambda", "sns", "sqs", "events")
_FAILURES_ONLY = ("s3",)


class EventInvokeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How often, how long and whereto, for the asynchronous invocations of one qualifier; None where nobody said."""

    maximum_retry_attempts: int | None = None
    maximum_event_age_s: int | None = None
    on_success: str = ""
    on_failure: str = ""
    last_modified_ms: int = 0

    @property
    def retries(self) -> int:
        """How often an invocation that fails is repeated."""
        return 2 if self.maximum_retry_attempts is None else self.maximum_retry_attempts

    @property
    def event_age_s(self) -> int:
        """How old an event may become before it is given up."""
        return 21_600 if self.maximum_event_age_s is None else self.maximum_event_age_s

    def check_destinations(self, function: FunctionArn) -> None:
        """Raises InvalidSettingError for what can't be a destination of a function's."""
        for destination in (self.on_failure, self.on_success):
            if destination and _names(destination, function):
                raise InvalidSettingError("You can't specify the function as a destination for itself.")
        success_ok = not self.on_success or _service(self.on_success) in _DESTINATIONS
        failure_ok = not self.on_failure or _service(self.on_failure) in (*_DESTINATIONS, *_FAILURES_ONLY)
        if not (success_ok and failure_ok):
            success = f"OnSuccess(destination={self.on_success})" if self.on_success else "null"
            failure = f"OnFailure(destination={self.on_failure})" if self.on_failure else "null"
            raise InvalidSettingError(
                f"The provided destination config DestinationConfig(onSuccess={success}, onFailure={failure}) is invalid."
            )
        for destination in (self.on_success, self.on_failure):
            if destination and _service(destination) != "lambda":
                raise InvalidSettingError(
                    f"The destination ARN {destination} is invalid. Ingle delivers to functions only: name the ARN of a"
                    " function, or leave the destination out."
                )


def _service(arn: str) -> str:
    return arn.split(":")[2] if arn.startswith("arn:") else ""


def _names(destination: str, function: FunctionArn) -> bool:
    """Say whether a destination is the function itself, under whatever qualifier."""
    own = str(function.qualified(None))
    return destination == own or destination.startswith(own + ":")

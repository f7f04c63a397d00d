"""What can be wrong with a wish about functions; the texts are AWS's."""

from ingle.values import IngleError


class FunctionNotFoundError(IngleError):
    """There is no such function or version."""

    def __init__(self, arn: object) -> None:
        super().__init__(f"Function not found: {arn}")


class FunctionExistsError(IngleError):
    """The name is taken."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Function already exist: {name}")


class AliasExistsError(IngleError):
    """The function has an alias of that name."""

    def __init__(self, arn: object) -> None:
        super().__init__(f"Alias already exists: {arn}")


class AliasNotFoundError(IngleError):
    """The function has no alias of that name."""

    def __init__(self, arn: object) -> None:
        super().__init__(f"Cannot find alias arn: {arn}")


class VersionInUseError(IngleError):
    """Aliases point at a version that shall be deleted."""

    def __init__(self, aliases: list[str]) -> None:
        super().__init__(f"Unable to delete version because the following aliases reference it: [{', '.join(aliases)}]")


class FunctionDoesNotExistError(IngleError):
    """There is no such function or alias to have a URL."""

    def __init__(self) -> None:
        super().__init__("Function does not exist")


class FunctionUrlExistsError(IngleError):
    """The function or the alias has a URL already."""

    def __init__(self, arn: object) -> None:
        super().__init__(
            f"Failed to create function url config for [functionArn = {arn}]. Error message:  FunctionUrlConfig exists for"
            " this Lambda function"
        )


class FunctionUrlNotFoundError(IngleError):
    """The function or the alias has no URL."""

    def __init__(self) -> None:
        super().__init__("The resource you requested does not exist.")


class LayerVersionNotFoundError(IngleError):
    """There is no such version of a layer."""

    def __init__(self) -> None:
        super().__init__("The resource you requested does not exist.")


class MappingExistsError(IngleError):
    """There is an event source mapping of the same source to the same function."""

    def __init__(self, source: str, function: str, uuid: str, *, is_queue: bool) -> None:
        fact = (
            f'An event source mapping with SQS arn (" {source} ") and function (" {function} ") already exists.'
            if is_queue
            else f'The event source arn (" {source} ") and function (" {function} ") provided mapping already exists.'
        )
        super().__init__(f"{fact} Please update or delete the existing mapping with UUID {uuid}")


class MappingInUseError(IngleError):
    """The event source mapping is on its way to another state."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Cannot {what} the event source mapping because it is in use.")


class InvalidCodeSignatureError(IngleError):
    """The code is not what was signed."""

    def __init__(self) -> None:
        super().__init__(
            "The code signature failed the integrity check. If the integrity check fails, then Lambda blocks deployment,"
            " even if the code signing policy is set to WARN."
        )


class CodeVerificationFailedError(IngleError):
    """No trusted publisher has signed the code, or its signature has expired."""

    def __init__(self) -> None:
        super().__init__(
            "The code signature failed one or more of the validation checks for signature mismatch or expiry, and the"
            " code signing policy is set to ENFORCE. Lambda blocks the deployment."
        )


class InvalidSettingError(IngleError):
    """A setting breaks a rule that its shape doesn't express."""


class UntypedSettingError(InvalidSettingError):
    """One of those whose answer has no Type, on concurrency and on weights."""


class AliasToUpdateNotFoundError(IngleError):
    """There is no alias of that name to be changed."""

    def __init__(self, arn: object) -> None:
        super().__init__(f"Alias not found: {arn}")


class RevisionMismatchError(IngleError):
    """The caller has seen an older revision; `api` tells the latest."""

    def __init__(self, api: str = "GetFunction/GetAlias") -> None:
        super().__init__(
            f"The Revision Id provided does not match the latest Revision Id. Call the {api} API to retrieve the latest"
            " Revision Id"
        )


class PolicyNotFoundError(IngleError):
    """The resource has no policy."""

    def __init__(self) -> None:
        super().__init__("No policy is associated with the given resource.")


class StatementNotFoundError(IngleError):
    """The policy has no such statement."""

    def __init__(self, sid: str) -> None:
        super().__init__(f"Statement {sid} is not found in resource policy.")


class StatementExistsError(IngleError):
    """The policy has a statement of that name."""

    def __init__(self, sid: str) -> None:
        super().__init__(
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing"
            " statement."
        )


class PolicyTooLongError(IngleError):
    """The policy would be larger than Lambda keeps."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"The final policy size ({size}) is bigger than the limit ({limit}).")


class UpdateInProgressError(IngleError):
    """An update is still under way."""

    def __init__(self, arn: object) -> None:
        super().__init__(
            f"The operation cannot be performed at this time. An update is in progress for resource: {arn}"
        )


class FunctionNotReadyError(IngleError):
    """The function is being created, or its creation failed."""

    def __init__(self, state: str) -> None:
        super().__init__(
            f"The operation cannot be performed at this time. The function is currently in the following state: {state}"
        )


class CodeSha256MismatchError(IngleError):
    """The code is not the one that the caller means."""

    def __init__(self, given: str, current: str) -> None:
        super().__init__(
            f"CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). Please try again with the"
            " CodeSHA256 in $LATEST."
        )


class VersionProvisionedError(IngleError):
    """An alias can't have provisioned concurrency beside that of its version."""

    def __init__(self) -> None:
        super().__init__(
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
        )


class AliasProvisionedError(IngleError):
    """A version can't have provisioned concurrency beside that of an alias of it."""

    def __init__(self) -> None:
        super().__init__("Version is pointed by a Provisioned Concurrency alias")


class ProvisionedNotFoundError(IngleError):
    """The version or alias has no provisioned concurrency."""

    def __init__(self) -> None:
        super().__init__("No Provisioned Concurrency Config found for this function")

"""Which function, version or alias a request means (API reference, section 4)."""

from ingle.control.api.request import Request
from ingle.functions import Function, FunctionNotFoundError, InvalidSettingError
from ingle.protocol import AwsError
from ingle.store import FunctionRepository
from ingle.values import FunctionArn, parse_function_reference


def arn_of(request: Request) -> FunctionArn:
    """Return the function, with the qualifier of its name, its ARN or the query. Raises AwsError, InvalidSettingError."""
    return read_arn(request, request.input["FunctionName"], request.input.get("Qualifier"))


def read_arn(request: Request, name: str, given: str | None = None) -> FunctionArn:
    """Return what a name or an ARN anywhere in a request means, with a qualifier given beside it. Raises as `arn_of`."""
    reference = parse_function_reference(name)
    if reference.region is not None and reference.region != request.region:
        raise AwsError(
            "ResourceNotFoundException",
            f"Functions from '{reference.region}' are not reachable in this region ('{request.region}')",
        )
    if reference.qualifier is not None and given is not None and given != reference.qualifier:
        raise InvalidSettingError(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    account = reference.account or request.account
    arn = FunctionArn(
        region=request.region, account=account, name=reference.name, qualifier=given or reference.qualifier
    )
    if account != request.account:
        raise AwsError(
            "AccessDeniedException",
            f"User: {request.principal.arn} is not authorized to perform: {request.action} on resource: {arn} because no"
            f" resource-based policy allows the {request.action} action",
        )
    return arn


def find_function(repository: FunctionRepository, arn: FunctionArn) -> Function:
    """Return the function of an ARN, whatever its qualifier. Raises FunctionNotFoundError."""
    function = repository.find(arn.account, arn.region, arn.name)
    if function is None:
        raise FunctionNotFoundError(arn)
    return function


def find_unqualified(repository: FunctionRepository, request: Request, missing_as: str | None = None) -> Function:
    """Return the function of a request which may name no version and no alias of it.

    `missing_as` is the qualifier by which some operations tell of a function that isn't there.
    """
    arn = arn_of(request)
    if arn.qualifier is not None:
        raise InvalidSettingError(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation."
            " Please specify either a function name or an unqualified function ARN."
        )
    return find_function(repository, arn.qualified(missing_as))

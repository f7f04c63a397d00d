"""Resource policies of functions, versions and aliases: AddPermission and its kin, and the whole-document operations."""

import uuid
from typing import Any

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.routes.publisher import Publisher
from ingle.control.services.lambda_.references import arn_of, find_function, read_arn
from ingle.functions import (
    LATEST,
    AliasNotFoundError,
    Function,
    FunctionNotFoundError,
    InvalidSettingError,
    PolicyNotFoundError,
    Statement,
    allow_statement,
    check_policy_revision,
    parse_policy,
    render_policy,
    with_statement,
    without_statement,
)
from ingle.protocol import AwsError
from ingle.store import FunctionRepository
from ingle.values import FunctionArn

_EQUAL = {
    "SourceAccount": "AWS:SourceAccount",
    "PrincipalOrgID": "aws:PrincipalOrgID",
    "FunctionUrlAuthType": "lambda:FunctionUrlAuthType",
    "EventSourceToken": "lambda:EventSourceToken",
}


def find_qualified(repository: FunctionRepository, arn: FunctionArn) -> Function:
    """Return the function of an ARN whose qualifier, if it has one, is a version or an alias. Raises domain errors."""
    function = find_function(repository, arn)
    if function.version_of(arn.qualifier) is None:
        is_number = arn.qualifier is not None and arn.qualifier.isdecimal()
        raise FunctionNotFoundError(arn) if is_number else AliasNotFoundError(arn)
    return function


class Permissions:
    """The handlers; each takes a checked request and returns the members of its response.

    A function, each version and each alias have a policy of their own; `$LATEST` has none.
    """

    def __init__(self, repository: FunctionRepository, publisher: Publisher) -> None:
        self._repository = repository
        self._publisher = publisher

    def handlers(self) -> dict[str, Handler]:
        return {
            "AddPermission": self.add,
            "DeleteResourcePolicy": self.delete,
            "GetPolicy": self.get_policy,
            "GetResourcePolicy": self.get,
            "PutResourcePolicy": self.put,
            "RemovePermission": self.remove,
        }

    # statement by statement

    async def add(self, request: Request) -> Answered:
        """AddPermission."""
        arn = arn_of(request)
        statement, revision = make_statement(request, arn), str(uuid.uuid4())
        function = self._to_change(arn)
        before = function.policies.get(arn.qualifier or "")
        check_policy_revision(function.policy_revision(arn.qualifier), request.input.get("RevisionId"), "GetPolicy")
        await self._keep(function.with_policy(arn.qualifier, with_statement(before, statement, revision), revision))
        return Answered({"Statement": render_policy(statement)})

    async def remove(self, request: Request) -> Answered:
        """RemovePermission; a policy goes with its last statement."""
        arn = arn_of(request)
        function = find_qualified(self._repository, arn)
        policy = function.policies.get(arn.qualifier or "")
        if policy is None:
            raise PolicyNotFoundError
        revision = str(uuid.uuid4())
        after = without_statement(policy, request.input["StatementId"], revision)
        check_policy_revision(policy.revision_id, request.input.get("RevisionId"), "GetPolicy")
        await self._keep(function.with_policy(arn.qualifier, after, revision))
        return Answered({}, status=204)

    async def get_policy(self, request: Request) -> Answered:
        """GetPolicy."""
        return self._show(arn_of(request))

    # the whole document

    async def put(self, request: Request) -> Answered:
        """PutResourcePolicy."""
        arn = self._named(request)
        revision = str(uuid.uuid4())
        policy = parse_policy(request.input["Policy"], str(arn), revision)
        function = self._to_change(arn)
        before = function.policy_revision(arn.qualifier)
        check_policy_revision(before, request.input.get("RevisionId"), "GetResourcePolicy")
        await self._keep(function.with_policy(arn.qualifier, policy, revision))
        return Answered({"Policy": policy.text, "RevisionId": policy.revision_id})

    async def get(self, request: Request) -> Answered:
        """GetResourcePolicy."""
        return self._show(self._named(request))

    async def delete(self, request: Request) -> Answered:
        """DeleteResourcePolicy."""
        arn = self._named(request)
        function = find_qualified(self._repository, arn)
        policy = function.policies.get(arn.qualifier or "")
        if policy is None:
            raise PolicyNotFoundError
        check_policy_revision(policy.revision_id, request.input.get("RevisionId"), "GetResourcePolicy")
        await self._keep(function.with_policy(arn.qualifier, None, str(uuid.uuid4())))
        return Answered({}, status=204)

    # what they share

    def _named(self, request: Request) -> FunctionArn:
        text = request.input["ResourceArn"]
        if text.split(":")[5] != "function":
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.")
        return read_arn(request, text)

    def _to_change(self, arn: FunctionArn) -> Function:
        if arn.qualifier == LATEST:
            raise InvalidSettingError("We currently do not support adding policies for $LATEST.")
        return find_qualified(self._repository, arn)

    def _show(self, arn: FunctionArn) -> Answered:
        policy = find_qualified(self._repository, arn).policies.get(arn.qualifier or "")
        if policy is None:
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.")
        return Answered({"Policy": policy.text, "RevisionId": policy.revision_id})

    async def _keep(self, changed: Function) -> None:
        self._repository.save(changed)
        await self._publisher.announce(changed)


def make_statement(request: Request, arn: FunctionArn) -> Statement:
    """Return the statement that an AddPermission asks for. Raises InvalidSettingError."""
    wishes = request.input
    if "FunctionUrlAuthType" in wishes and wishes["Action"] != "lambda:InvokeFunctionUrl":
        raise InvalidSettingError("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
    condition: dict[str, Any] = {}
    equal = {key: wishes[name] for name, key in _EQUAL.items() if name in wishes}
    if equal:
        condition["StringEquals"] = equal
    if "SourceArn" in wishes:
        condition["ArnLike"] = {"AWS:SourceArn": wishes["SourceArn"]}
    if "InvokedViaFunctionUrl" in wishes:
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": str(wishes["InvokedViaFunctionUrl"]).lower()}
    return allow_statement(wishes, str(arn), condition)

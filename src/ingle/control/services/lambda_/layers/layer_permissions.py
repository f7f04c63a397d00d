"""Resource policies of layer versions: AddLayerVersionPermission and its kin."""

import uuid

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.services.lambda_.layers.layers import layer_arn_of
from ingle.functions import (
    InvalidSettingError,
    Layer,
    LayerVersion,
    PolicyNotFoundError,
    ResourcePolicy,
    allow_statement,
    check_policy_revision,
    render_policy,
    with_statement,
    without_statement,
)
from ingle.protocol import AwsError
from ingle.store import LayerRepository


class LayerPermissions:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, repository: LayerRepository) -> None:
        self._repository = repository

    def handlers(self) -> dict[str, Handler]:
        return {
            "AddLayerVersionPermission": self.add,
            "GetLayerVersionPolicy": self.get,
            "RemoveLayerVersionPermission": self.remove,
        }

    async def add(self, request: Request) -> Answered:
        """AddLayerVersionPermission."""
        wishes = request.input
        organization = wishes.get("OrganizationId")
        condition = {"StringEquals": {"aws:PrincipalOrgID": organization}} if organization else {}
        arn = layer_arn_of(request).versioned(wishes["VersionNumber"])
        statement = allow_statement(wishes, str(arn), condition)
        layer, version = self._find(request)
        current = version.policy.revision_id if version.policy is not None else None
        check_policy_revision(current, request.input.get("RevisionId"), "GetLayerPolicy")
        policy = with_statement(version.policy, statement, str(uuid.uuid4()))
        self._keep(layer, version, policy)
        return Answered({"Statement": render_policy(statement), "RevisionId": policy.revision_id})

    async def remove(self, request: Request) -> Answered:
        """RemoveLayerVersionPermission; a policy goes with its last statement."""
        layer, version = self._find(request)
        policy = _policy_of(version)
        after = without_statement(policy, request.input["StatementId"], str(uuid.uuid4()))
        check_policy_revision(policy.revision_id, request.input.get("RevisionId"), "GetLayerPolicy")
        self._keep(layer, version, after)
        return Answered({}, status=204)

    async def get(self, request: Request) -> Answered:
        """GetLayerVersionPolicy."""
        policy = _policy_of(self._find(request)[1])
        return Answered({"Policy": policy.text, "RevisionId": policy.revision_id})

    def _find(self, request: Request) -> tuple[Layer, LayerVersion]:
        arn, number = layer_arn_of(request), request.input["VersionNumber"]
        if number < 1:
            raise InvalidSettingError("Layer Version Cannot be less than 1")
        layer = self._repository.find(arn.account, arn.region, arn.name)
        version = layer.versions.get(number) if layer is not None else None
        if layer is None or version is None:
            raise AwsError("ResourceNotFoundException", f"Layer version {arn.versioned(number)} does not exist.")
        return layer, version

    def _keep(self, layer: Layer, version: LayerVersion, policy: ResourcePolicy | None) -> None:
        changed = msgspec.structs.replace(version, policy=policy)
        self._repository.save(msgspec.structs.replace(layer, versions={**layer.versions, version.version: changed}))


def _policy_of(version: LayerVersion) -> ResourcePolicy:
    if version.policy is None:
        raise PolicyNotFoundError
    return version.policy

"""Functions and versions as they are made and changed: CreateFunction and its kin."""

import asyncio
import base64
import hashlib
import uuid
from typing import Any

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.code.code_store import Chosen, CodeStore, carry_layers, uses_of
from ingle.control.code.optimiser import Optimiser
from ingle.control.events.event_queue import EventQueue
from ingle.control.routes.publisher import Publisher
from ingle.control.services.lambda_.code_signing import CodeSigning
from ingle.control.services.lambda_.functions.settings import (
    check_architectures,
    check_together,
    logging_of,
    refuse_unsupported,
    settings_of,
)
from ingle.control.services.lambda_.functions.uploads import Uploads, check_source
from ingle.control.services.lambda_.layers.layers import choose_layers
from ingle.control.services.lambda_.references import arn_of, find_function
from ingle.control.services.lambda_.rendering import render_configuration
from ingle.functions import (
    BEING_CREATED,
    LATEST,
    Code,
    CodeSha256MismatchError,
    Function,
    FunctionExistsError,
    InvalidSettingError,
    UpdateInProgressError,
    Version,
    check_tags,
    check_variables,
)
from ingle.store import FunctionRepository, LayerRepository
from ingle.values import Clock, FunctionArn, IngleError

NAME_LIMIT = 64
CODE = "function code"
_CREATING: dict[str, Any] = {
    "state": "Pending",
    "state_reason": BEING_CREATED,
    "state_reason_code": "Creating",
}


class Functions:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(
        self,
        repository: FunctionRepository,
        layers: LayerRepository,
        code: CodeStore,
        optimiser: Optimiser,
        publisher: Publisher,
        events: EventQueue,
        uploads: Uploads,
        signing: CodeSigning,
        clock: Clock,
        runtimes: list[str],
    ) -> None:
        self._repository = repository
        self._layers = layers
        self._code = code
        self._optimiser = optimiser
        self._publisher = publisher
        self._events = events
        self._uploads = uploads
        self._signing = signing
        self._clock = clock
        self._runtimes = runtimes

    def handlers(self) -> dict[str, Handler]:
        return {
            "CreateFunction": self.create,
            "DeleteFunction": self.delete,
            "PublishVersion": self.publish,
            "UpdateFunctionCode": self.update_code,
            "UpdateFunctionConfiguration": self.update_configuration,
        }

    def _show(self, function: Function, version: Version, *, qualifier: str | None = None) -> dict[str, Any]:
        variables = self._code.open_variables(function.arn, version)
        return render_configuration(function, version, variables, self._runtimes, qualifier=qualifier)

    # creating

    async def create(self, request: Request) -> Answered:
        """CreateFunction."""
        wishes = request.input
        arn = arn_of(request)
        if arn.qualifier is not None:
            raise InvalidSettingError(f"A function is created without a qualifier: {wishes['FunctionName']}")
        if len(arn.name) > NAME_LIMIT:
            raise InvalidSettingError(
                f"1 validation error detected: Value '{arn.name}' at 'functionName' failed to satisfy constraint: Member"
                f" must have length less than or equal to {NAME_LIMIT}"
            )
        fields = self._settings(wishes) | self._variables(arn, wishes)
        chosen = choose_layers(self._layers, arn.region, wishes.get("Layers", []))
        config = wishes.get("CodeSigningConfigArn", "")
        code = await self._keep_with_layers(arn, await self._zip(request, wishes["Code"]), chosen, config)
        now = self._clock.now_ms()
        latest = Version(
            version=LATEST, code=code, pending_code=code, last_modified_ms=now, revision_id=str(uuid.uuid4()),
            layers=uses_of(chosen), **_CREATING, **fields,
        )  # fmt: skip
        function = Function(
            account=arn.account,
            region=arn.region,
            name=arn.name,
            tags=wishes.get("Tags", {}),
            code_signing_config=config,
            tenant_isolation_mode=wishes.get("TenancyConfig", {}).get("TenantIsolationMode", ""),
            versions={LATEST: latest},
        )
        shown = latest
        if wishes.get("Publish"):
            function, shown = function.publish(None, str(uuid.uuid4()), now)
        try:
            self._repository.add(function)
        except FunctionExistsError:  # looked up last: whatever else is wrong with a request is told first
            self._code.discard(code)
            raise
        await self._publisher.announce(function)  # whoever invokes it now is told that it is Pending
        self._optimiser.begin(function)
        return Answered(self._show(function, shown))  # by the function's own ARN, be it published or not

    def _settings(self, wishes: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a new `$LATEST` that its request says. Raises InvalidSettingError."""
        fields = settings_of(wishes) | logging_of(wishes, None)
        refuse_unsupported(wishes["Code"])
        for name in ("Runtime", "Handler"):
            if not wishes.get(name):
                raise InvalidSettingError(f"{name} is mandatory for functions created with deployment packages as zip.")
        check_together(fields, None, is_per_tenant="TenancyConfig" in wishes)
        check_architectures(wishes.get("Architectures", ["x86_64"]))
        check_tags(wishes.get("Tags", {}))
        _check_code(wishes["Code"])
        return fields

    async def _keep_with_layers(self, arn: FunctionArn, content: bytes, chosen: Chosen, config: str) -> Code:
        code = await self._code.keep(arn, content, uses_of(chosen))
        try:
            self._signing.admit(arn, config, [code.signature, *(version.signature for _, version in chosen)])
            return await self._code.add_layers(arn, chosen, code)
        except BaseException:
            self._code.discard(code)
            raise

    async def _zip(self, request: Request, code: dict[str, Any]) -> bytes:
        return await self._uploads.zip_of(code, request.region, CODE)

    def _variables(self, arn: FunctionArn, wishes: dict[str, Any]) -> dict[str, Any]:
        if "Environment" not in wishes:
            return {}
        variables = wishes["Environment"].get("Variables", {})
        check_variables(variables)
        if not variables:
            return {"has_variables": True, "sealed_variables": b"", "variables_key": b""}
        sealed, key = self._code.seal_variables(arn, variables)
        return {"has_variables": True, "sealed_variables": sealed, "variables_key": key}

    def _has_variables(self, function: Function, wishes: dict[str, Any]) -> bool:
        """Say whether a function has them as they are given: they stay sealed, so that a version of them is no new one."""
        given, latest = wishes.get("Environment", {}).get("Variables", {}), function.latest
        return latest.has_variables and self._code.open_variables(function.arn, latest) == given

    # changing

    def _find(self, arn: FunctionArn) -> Function | None:
        return self._repository.find(arn.account, arn.region, arn.name)

    def _to_change(self, request: Request) -> Function:
        arn = arn_of(request)
        if arn.qualifier not in (None, LATEST):
            raise InvalidSettingError("This operation is permitted on unqualified functions only.")
        function = find_function(self._repository, arn.qualified(None))
        function.latest.check_can_change(function.arn, request.input.get("RevisionId"))
        return function

    def _still_to_change(self, request: Request, before: Function) -> Function:
        """Return the function again after a wait; an update that came between has the right of way."""
        function = self._to_change(request)
        if function.latest.run_revision != before.latest.run_revision:  # tags and policies change RevisionId alone
            raise UpdateInProgressError(function.arn)
        return function

    def _begin_update(self, function: Function, **changes: Any) -> Function:
        latest = function.latest.revised(
            str(uuid.uuid4()),
            update_status="InProgress",
            last_modified_ms=self._clock.now_ms(),
            previous=function.latest,
            **changes,
        )
        return function.with_version(latest)

    async def update_code(self, request: Request) -> Answered:
        """UpdateFunctionCode."""
        wishes = request.input
        refuse_unsupported(wishes)
        if wishes.get("ImageUri"):
            raise InvalidSettingError("Please don't provide ImageUri when updating a function with packageType Zip.")
        if "Architectures" in wishes:
            check_architectures(wishes["Architectures"])
        content = await self._zip(request, wishes)
        function = self._to_change(request)
        if wishes.get("DryRun"):
            signature = await self._code.check(content, function.latest.layers)
            self._signing.admit(function.arn, function.code_signing_config, [signature])
            sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
            code = Code(sha256=sha256, size_bytes=len(content), wrapped_key=b"", zip_manifest=b"")
            return Answered(self._show(function, function.latest.replace(code=code)))
        code = await self._code.keep(function.arn, content, function.latest.layers)
        try:
            function = self._still_to_change(request, function)
            self._signing.admit(function.arn, function.code_signing_config, [code.signature])
        except IngleError:
            self._code.discard(code)
            raise
        code = carry_layers(function.latest.code, code)
        function = self._begin_update(function, code=code, pending_code=code)
        shown, qualifier = function.latest, None
        if wishes.get("Publish"):
            function, shown = function.publish(None, str(uuid.uuid4()), self._clock.now_ms())
            qualifier = shown.version
        self._repository.save(function)
        if shown.pending_code is not None and shown.is_published:
            await self._publisher.announce(function)  # who invokes the new version is told that it is Pending
        self._optimiser.begin(function)
        return Answered(self._show(function, shown, qualifier=qualifier))

    async def update_configuration(self, request: Request) -> Answered:
        """UpdateFunctionConfiguration."""
        fields, wanted = settings_of(request.input), request.input.get("Layers")
        check_variables(request.input.get("Environment", {}).get("Variables", {}))
        chosen = self._other_layers(request, wanted) if wanted is not None else None
        function = self._to_change(request)
        fields |= logging_of(request.input, function.latest)
        check_together(fields, function.latest, is_per_tenant=bool(function.tenant_isolation_mode))
        if not self._has_variables(function, request.input):
            fields.update(self._variables(function.arn, request.input))
        if chosen is not None:
            signatures = [version.signature for _, version in chosen]
            self._signing.admit(function.arn, function.code_signing_config, signatures)
            code = await self._code.add_layers(function.arn, chosen, function.latest.code)
            try:
                function = self._still_to_change(request, function)
            except IngleError:
                self._code.discard_beside(code, self._find(function.arn))
                raise
            fields.update(layers=uses_of(chosen), code=code, pending_code=code)
        function = self._begin_update(function, **fields)
        self._repository.save(function)
        self._optimiser.begin(function)
        return Answered(self._show(function, function.latest))

    def _other_layers(self, request: Request, wanted: list[str]) -> Chosen | None:
        """Return layers as they are wanted; None for those that the function has, which may have been deleted meanwhile."""
        arn = arn_of(request)
        function = self._find(arn)
        if function is not None and wanted == [layer.arn for layer in function.latest.layers]:
            return None
        return choose_layers(self._layers, request.region, wanted)

    async def publish(self, request: Request) -> Answered:
        """PublishVersion."""
        refuse_unsupported(request.input)
        function = self._to_change(request)
        given = request.input.get("CodeSha256")
        if given is not None and given != function.latest.code.sha256:
            raise CodeSha256MismatchError(given, function.latest.code.sha256)
        description = request.input.get("Description")
        grown, version = function.publish(description, str(uuid.uuid4()), self._clock.now_ms())
        if grown is not function:
            function = grown.touched(str(uuid.uuid4()))
            self._repository.save(function)
            await self._publisher.announce(function)
        return Answered(self._show(function, version, qualifier=version.version))

    async def delete(self, request: Request) -> Answered:
        """DeleteFunction, of everything or of one version."""
        arn = arn_of(request)
        if arn.qualifier == LATEST:
            raise InvalidSettingError("$LATEST version cannot be deleted without deleting the function.")
        function = find_function(self._repository, arn)
        if arn.qualifier is not None:
            if arn.qualifier in function.aliases:
                raise InvalidSettingError("Deletion of aliases is not currently supported.")
            if arn.qualifier not in function.versions:  # which is no error
                return Answered({}, status=204)
            kept = function.without_version(arn.qualifier)
            self._repository.save(kept)
            await self._publisher.announce(kept)
        else:
            kept = None
            self._repository.remove(arn.account, arn.region, arn.name)
            await self._publisher.withdraw(arn.account, arn.region, arn.name)
            await self._events.forget(arn)
        await asyncio.to_thread(self._code.delete_unused, function, kept)
        return Answered({}, status=204)


def _check_code(code: dict[str, Any]) -> None:
    if code.get("ImageUri"):
        raise InvalidSettingError("Ingle takes code as a zip only, for now: not as an image.")
    check_source(code, CODE)

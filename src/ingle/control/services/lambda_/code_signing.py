"""Code signing configs, and the check of code against them: CreateCodeSigningConfig and its kin."""

import secrets
import string
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import structlog

from ingle.artifacts import CodeSignature
from ingle.control.api.request import Answered, Handler, Request
from ingle.control.services.lambda_.markers import make_marker, read_marker
from ingle.control.services.lambda_.references import find_unqualified
from ingle.control.services.lambda_.rendering import render_time
from ingle.control.services.lambda_.tags import Change
from ingle.functions import CodeSigningConfig, Function, check_publishers, check_tags
from ingle.protocol import AwsError
from ingle.store import CodeSigningRepository, FunctionRepository
from ingle.values import Clock, FunctionArn

_PAGE = 10_000
_ALPHABET = string.ascii_lowercase + string.digits
_log = structlog.get_logger("ingle.control")


class CodeSigning:
    """Decides whether code and layers may be deployed to a function."""

    def __init__(self, configs: CodeSigningRepository, clock: Clock) -> None:
        self._configs = configs
        self._clock = clock

    def find(self, account: str, region: str, arn: str) -> CodeSigningConfig | None:
        """Return the config of an ARN, if it is one of this account's and region's."""
        config = self._configs.find(account, region, arn.rpartition(":")[2])
        return config if config is not None and config.arn == arn else None

    def require(self, account: str, region: str, arn: str) -> CodeSigningConfig:
        """Return the config that a function shall have. Raises AwsError CodeSigningConfigNotFoundException."""
        config = self.find(account, region, arn)
        if config is None:
            raise AwsError(
                "CodeSigningConfigNotFoundException",
                "The code signing configuration cannot be found. Check that the provided configuration is not deleted:"
                f" {arn}.",
            )
        return config

    def admit(self, function: FunctionArn, config_arn: str, signatures: Iterable[CodeSignature | None]) -> None:
        """Return where code and layers with these signatures may be deployed to a function, whose config this is.

        Raises InvalidCodeSignatureError, CodeVerificationFailedError, AwsError.
        """
        if not config_arn:
            return
        config = self.require(function.account, function.region, config_arn)
        now_ms = self._clock.now_ms()
        trusted = [config.check(signature, now_ms) for signature in signatures]  # each, for one may be broken
        if not all(trusted):
            _log.warning("code.untrusted", function=str(function), config=config_arn)


class CodeSigningConfigs:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(
        self, configs: CodeSigningRepository, functions: FunctionRepository, signing: CodeSigning, clock: Clock
    ) -> None:
        self._configs = configs
        self._functions = functions
        self._signing = signing
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        return {
            "CreateCodeSigningConfig": self.create,
            "DeleteCodeSigningConfig": self.delete,
            "DeleteFunctionCodeSigningConfig": self.delete_of_function,
            "GetCodeSigningConfig": self.get,
            "GetFunctionCodeSigningConfig": self.get_of_function,
            "ListCodeSigningConfigs": self.list_configs,
            "ListFunctionsByCodeSigningConfig": self.list_functions,
            "PutFunctionCodeSigningConfig": self.put_of_function,
            "UpdateCodeSigningConfig": self.update,
        }

    # configs

    async def create(self, request: Request) -> Answered:
        """CreateCodeSigningConfig."""
        config = CodeSigningConfig(
            account=request.account,
            region=request.region,
            id="csc-" + "".join(secrets.choice(_ALPHABET) for _ in range(17)),
            publishers=(),
            tags=check_tags(request.input.get("Tags", {})),
        )
        return self._keep(config, request)

    async def update(self, request: Request) -> Answered:
        """UpdateCodeSigningConfig: what isn't given stays. Code that is deployed already is not checked again."""
        check_publishers(request.input.get("AllowedPublishers", {}).get("SigningProfileVersionArns", []))
        return self._keep(self._find(request), request)

    async def get(self, request: Request) -> Answered:
        """GetCodeSigningConfig."""
        return Answered({"CodeSigningConfig": _render(self._find(request))})

    async def delete(self, request: Request) -> Answered:
        """DeleteCodeSigningConfig, unless a function has it."""
        config = self._find(request)
        users = self._users(config)
        if users:
            raise AwsError(
                "ResourceConflictException",
                f"The code signing configuration is used by {len(users)} function(s), among them {users[0].arn}.",
            )
        self._configs.remove(config.account, config.region, config.id)
        return Answered({}, status=204)

    async def list_configs(self, request: Request) -> Answered:
        """ListCodeSigningConfigs, by id."""
        count = min(request.input.get("MaxItems", _PAGE), _PAGE)
        after = read_marker(request.input.get("Marker"))
        found = self._configs.page(request.account, request.region, after, count + 1)
        more = {"NextMarker": make_marker(found[count - 1].id)} if len(found) > count else {}
        return Answered({"CodeSigningConfigs": [_render(config) for config in found[:count]], **more})

    def _find(self, request: Request) -> CodeSigningConfig:
        return self._find_by_arn(request, request.input["CodeSigningConfigArn"])

    def _find_by_arn(self, request: Request, arn: str) -> CodeSigningConfig:
        config = self._signing.find(request.account, request.region, arn)
        if config is None:
            raise AwsError(
                "ResourceNotFoundException", f"The Lambda code signing configuration {arn} can not be found."
            )
        return config

    def _keep(self, config: CodeSigningConfig, request: Request) -> Answered:
        wishes = request.input
        fields: dict[str, Any] = {"last_modified_ms": self._clock.now_ms()}
        if "AllowedPublishers" in wishes:
            fields["publishers"] = check_publishers(wishes["AllowedPublishers"]["SigningProfileVersionArns"])
        if "UntrustedArtifactOnDeployment" in wishes.get("CodeSigningPolicies", {}):
            fields["policy"] = wishes["CodeSigningPolicies"]["UntrustedArtifactOnDeployment"]
        if "Description" in wishes:
            fields["description"] = wishes["Description"]
        config = msgspec.structs.replace(config, **fields)
        self._configs.save(config)
        return Answered({"CodeSigningConfig": _render(config)})

    # functions

    async def put_of_function(self, request: Request) -> Answered:
        """PutFunctionCodeSigningConfig; what is deployed next is checked against it."""
        function, arn = find_unqualified(self._functions, request), request.input["CodeSigningConfigArn"]
        self._signing.require(request.account, request.region, arn)
        self._set(function, arn)
        return Answered({"CodeSigningConfigArn": arn, "FunctionName": function.name})

    async def get_of_function(self, request: Request) -> Answered:
        """GetFunctionCodeSigningConfig; of a function that has none, nothing is told."""
        function = find_unqualified(self._functions, request)
        arn = function.code_signing_config
        return Answered({"CodeSigningConfigArn": arn, "FunctionName": function.name} if arn else {})

    async def delete_of_function(self, request: Request) -> Answered:
        """DeleteFunctionCodeSigningConfig."""
        self._set(find_unqualified(self._functions, request), "")
        return Answered({}, status=204)

    async def list_functions(self, request: Request) -> Answered:
        """ListFunctionsByCodeSigningConfig, by name."""
        after = read_marker(request.input.get("Marker"))
        arns = [str(function.arn) for function in self._users(self._find(request)) if function.name > after]
        count = min(request.input.get("MaxItems", _PAGE), _PAGE)
        more = {"NextMarker": make_marker(arns[count - 1].rpartition(":")[2])} if len(arns) > count else {}
        return Answered({"FunctionArns": arns[:count], **more})

    def _users(self, config: CodeSigningConfig) -> list[Function]:
        users = (one for one in self._functions.every() if one.code_signing_config == config.arn)
        return sorted(users, key=lambda function: function.name)

    def _set(self, function: Function, arn: str) -> None:
        function.latest.check_can_change(function.arn, None)
        self._functions.save(msgspec.structs.replace(function, code_signing_config=arn))

    # tags

    def tags(self, request: Request, arn: str) -> Mapping[str, str]:
        """Return a config's tags."""
        return self._find_by_arn(request, arn).tags

    async def change_tags(self, request: Request, arn: str, change: Change) -> None:
        """Change a config's tags."""
        config = self._find_by_arn(request, arn)
        self._configs.save(msgspec.structs.replace(config, tags=change(config.tags)))


def _render(config: CodeSigningConfig) -> dict[str, Any]:
    return {
        "CodeSigningConfigId": config.id,
        "CodeSigningConfigArn": config.arn,
        "Description": config.description,
        "AllowedPublishers": {"SigningProfileVersionArns": list(config.publishers)},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": config.policy},
        "LastModified": render_time(config.last_modified_ms),
    }

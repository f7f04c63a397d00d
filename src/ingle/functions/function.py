"""Functions and their versions, as they are stored."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from ingle.artifacts import CodeSignature
from ingle.functions.access.policy import ResourcePolicy
from ingle.functions.alias import Alias
from ingle.functions.concurrency import Provisioned, divide
from ingle.functions.errors import (
    AliasProvisionedError,
    FunctionNotFoundError,
    FunctionNotReadyError,
    InvalidSettingError,
    RevisionMismatchError,
    UntypedSettingError,
    UpdateInProgressError,
    VersionInUseError,
    VersionProvisionedError,
)
from ingle.functions.events.event_invoke import EventInvokeConfig
from ingle.functions.layer import LayerUse
from ingle.functions.url import FunctionUrl
from ingle.values import FunctionArn

LATEST = "$LATEST"
NOT_ON_LATEST = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
BEING_CREATED = "The function is being created."
ISOLATION_TAG = "ingle:isolation"
"""With the value `invocation`, ours alone: each invocation runs in a copy of the initialised function."""


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """Sealed code: the zip as it came and, once it is prepared, the image; one wrapped data key for all."""

    sha256: str
    """Base64, as AWS shows it."""
    size_bytes: int
    unzipped_bytes: int = 0
    wrapped_key: bytes
    zip_manifest: bytes
    image_manifest: bytes = b""
    opt_manifest: bytes = b""
    """The image of the layers, merged; empty where the function has none."""
    opt_key: bytes = b""
    """The wrapped data key of that image, which goes with it from code to newer code."""
    extensions: tuple[str, ...] = ()
    """The names of the external extensions that the layers bring."""
    signature: CodeSignature | None = None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """`$LATEST` or a published version: code and configuration."""

    version: str
    runtime: str
    role: str
    handler: str
    code: Code
    description: str = ""
    timeout_s: int = 3
    memory_mib: int = 128
    ephemeral_mib: int = 512
    tracing_mode: str = "PassThrough"
    architectures: tuple[str, ...] = ("x86_64",)
    log_group: str = ""
    log_format: str = "Text"
    application_log_level: str = ""
    """Of the format JSON only, as `system_log_level`."""
    system_log_level: str = ""
    has_variables: bool = False
    """Whether any were ever given, were it none at all."""
    has_network: bool = False
    """Whether a network was given; Ingle takes only the empty one, by which clients say that they want none."""
    snap_start: bool = False
    """Whether versions that are published of it are initialised once, and copied from then on (SnapStart)."""
    is_optimized: bool = False
    """Whether that has been done for this version."""
    layers: tuple[LayerUse, ...] = ()
    sealed_variables: bytes = b""
    variables_key: bytes = b""
    source: str = ""
    """The `content` of what a version was published from."""
    state: str = "Pending"
    state_reason: str = ""
    state_reason_code: str = ""
    update_status: str = ""
    update_reason: str = ""
    update_reason_code: str = ""
    pending_code: Code | None = None
    """The same as `code`, until that has been laid out as an image."""
    last_modified_ms: int = 0
    revision_id: str = ""
    """The RevisionId, another one after each change that AWS tells by it."""
    run_revision_id: str = ""
    """The revision by which gateways and workers know it; empty where that is `revision_id`."""
    previous: "Version | None" = None
    """What serves until an update in progress is done: what there was before it, code and settings."""

    @property
    def serving(self) -> "Version":
        return self.previous or self

    @property
    def run_revision(self) -> str:
        """The revision of what runs: environments of another one are of no use any more."""
        return self.run_revision_id or self.revision_id

    def touched(self, revision_id: str, **changes: Any) -> "Version":
        """Return the version with another RevisionId, though nothing that runs has changed."""
        return self.replace(revision_id=revision_id, run_revision_id=self.run_revision, **changes)

    def revised(self, revision_id: str, **changes: Any) -> "Version":
        """Return the version with another RevisionId, and with environments made anew."""
        return self.replace(revision_id=revision_id, run_revision_id="", **changes)

    @property
    def content(self) -> str:
        """A digest of everything that makes one version differ from another."""
        parts = (
            self.code.sha256, self.runtime, self.role, self.handler, self.description, self.timeout_s, self.memory_mib,
            self.ephemeral_mib, self.tracing_mode, self.architectures, self.log_group, self.log_format,
            self.application_log_level, self.system_log_level, self.sealed_variables.hex(), self.snap_start,
            *(layer.arn for layer in self.layers), *(["{}"] if self.has_variables and not self.sealed_variables else []),
        )  # fmt: skip
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    @property
    def is_published(self) -> bool:
        return self.version != LATEST

    @property
    def awaits_template(self) -> bool:
        """Whether it becomes active once it has been initialised for SnapStart."""
        return self.is_published and self.snap_start and self.state == "Pending" and self.pending_code is None

    def prepared(self, code: Code) -> "Version":
        """Return a version whose code has been laid out: it is active, or awaits its template."""
        ready = self.replace(code=code, pending_code=None)
        if self.is_published and self.snap_start:
            return ready
        return ready.replace(
            state="Active", state_reason="", state_reason_code="",
            update_status="Successful", update_reason="", update_reason_code="",
        )  # fmt: skip

    def not_prepared(self, reason: str, code: str) -> "Version":
        """Return a version whose code could not be laid out: what served goes on, or it has failed."""
        failed = {"update_status": "Failed", "update_reason": reason, "update_reason_code": code}
        if self.previous is not None:
            return self.previous.replace(**failed)
        return self.replace(pending_code=None, state="Failed", state_reason=reason, state_reason_code=code, **failed)

    def optimized(self, reason: str, error: str) -> "Version":
        """Return a version that awaited its template: it has one, or none for a reason, or its init has failed."""
        if error:
            return self.replace(state="Failed", state_reason=reason or error, state_reason_code="FunctionError")
        return self.replace(
            state="Active", state_reason=reason, state_reason_code="", update_status="Successful",
            is_optimized=not reason,
        )  # fmt: skip

    def check_can_change(self, arn: FunctionArn, revision_id: str | None) -> None:
        """Raises UpdateInProgressError, FunctionNotReadyError or RevisionMismatchError."""
        if revision_id is not None and revision_id != self.revision_id:
            raise RevisionMismatchError
        if self.state != "Active":
            raise FunctionNotReadyError(self.state)
        if self.update_status == "InProgress":
            raise UpdateInProgressError(arn)

    def replace(self, **changes: Any) -> "Version":
        return msgspec.structs.replace(self, **changes)


class Superseded(msgspec.Struct, frozen=True, kw_only=True):
    """A zip that no version has any more, kept for those who were given its URL before."""

    code: Code
    until_ms: int


class RuntimeManagement(msgspec.Struct, frozen=True, kw_only=True):
    """When a version is to get another version of its runtime."""

    update_on: str = "Auto"
    runtime_version: str | None = None


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """A function with all its versions, `$LATEST` first, and its aliases."""

    account: str
    region: str
    name: str
    tags: dict[str, str] = {}
    next_version: int = 1
    reserved_concurrency: int | None = None
    provisioned: dict[str, Provisioned] = {}
    """By version or alias."""
    tenant_isolation_mode: str = ""
    """PER_TENANT or nothing; it never changes."""
    versions: dict[str, Version]
    aliases: dict[str, Alias] = {}
    recursive_loop: str = "Terminate"
    event_invoke_configs: dict[str, EventInvokeConfig] = {}
    """By qualifier, as the next ones; `$LATEST` where a request names none."""
    runtime_management: dict[str, RuntimeManagement] = {}
    policies: dict[str, ResourcePolicy] = {}
    """By qualifier, `""` for the function itself."""
    code_signing_config: str = ""
    """The ARN of what its code is checked against; empty where it is deployed unchecked."""
    urls: dict[str, FunctionUrl] = {}
    """By alias, or `$LATEST`. That of a deleted alias stays, and lets nobody in, until an alias takes the name again."""
    superseded: tuple[Superseded, ...] = ()

    @property
    def arn(self) -> FunctionArn:
        return FunctionArn(region=self.region, account=self.account, name=self.name)

    @property
    def latest(self) -> Version:
        return self.versions[LATEST]

    @property
    def zips(self) -> list[Code]:
        """All code whose zip is kept, what is superseded last."""
        versions = self.versions.values()
        before = [version.previous.code for version in versions if version.previous is not None]
        return [*(version.code for version in versions), *before, *(one.code for one in self.superseded)]

    def superseding(self, code: Code, until_ms: int) -> "Function":
        """Return the function with the zip of code that it had before kept until then, as far as no version has it."""
        if any(one.zip_manifest == code.zip_manifest for one in self.zips):
            return self
        bare = msgspec.structs.replace(code, image_manifest=b"", opt_manifest=b"", opt_key=b"")
        kept = (*self.superseded, Superseded(code=bare, until_ms=until_ms))
        return msgspec.structs.replace(self, superseded=kept)

    def without_superseded(self, now_ms: int) -> "Function":
        """Return the function without what has been kept long enough."""
        kept = tuple(one for one in self.superseded if one.until_ms > now_ms)
        return msgspec.structs.replace(self, superseded=kept)

    def version_of(self, qualifier: str | None) -> Version | None:
        """Return the version that a qualifier names: by its number, by an alias, or `$LATEST` by none at all."""
        alias = self.aliases.get(qualifier or LATEST)
        return self.versions.get(alias.function_version if alias is not None else qualifier or LATEST)

    @property
    def is_isolated(self) -> bool:
        """Whether each invocation gets an environment of its own, which nothing else ever sees."""
        return self.tags.get(ISOLATION_TAG) == "invocation"

    def wants_template(self, version: Version) -> bool:
        """Say whether environments of a version are copies of one that has been initialised before."""
        if version.snap_start and version.is_published:
            return version.awaits_template or (version.state == "Active" and version.is_optimized)
        return self.is_isolated and version.state == "Active" and version.runtime.startswith("python")

    def with_tags(self, tags: dict[str, str], new_revision: Callable[[], str]) -> "Function":
        """Return the function with other tags; where these change its isolation, every environment is made anew."""
        changed = msgspec.structs.replace(self, tags=tags)
        if changed.is_isolated == self.is_isolated:
            return changed.touched(new_revision())
        versions = {key: one.revised(new_revision()) for key, one in self.versions.items()}
        return msgspec.structs.replace(changed, versions=versions)

    def with_alias(self, alias: Alias) -> "Function":
        """Return the function with an alias made or changed.

        Raises InvalidSettingError for weights that it may not have, FunctionNotFoundError for versions that aren't there,
        VersionProvisionedError where both alias and version are provisioned.
        """
        alias.check_weights()
        for name in alias.versions:
            if name not in self.versions:
                raise FunctionNotFoundError(self.arn.qualified(name))
        if len({self.versions[name].role for name in alias.versions}) > 1:
            raise InvalidSettingError("Specified versions must be associated with the same execution role")
        if alias.name in self.provisioned and any(name in self.provisioned for name in alias.versions):
            raise VersionProvisionedError
        changed = self if alias.name in self.aliases else self.without_url(alias.name)
        return msgspec.structs.replace(changed, aliases={**self.aliases, alias.name: alias})

    def without_alias(self, name: str) -> "Function":
        kept = {key: alias for key, alias in self.aliases.items() if key != name}
        return msgspec.structs.replace(self._without_settings(name), aliases=kept)

    @property
    def claimed_concurrency(self) -> int:
        """What the account's other functions can't have: what it reserves, or else what it has provisioned."""
        return self.provisioned_units if self.reserved_concurrency is None else self.reserved_concurrency

    @property
    def provisioned_units(self) -> int:
        return sum(one.units for one in self.provisioned.values())

    def provisioned_of(self, qualifier: str) -> dict[str, int]:
        """Return how many units of a qualifier's provisioned concurrency each version gets."""
        units = self.provisioned[qualifier].units
        return divide(units, self.aliases[qualifier]) if qualifier in self.aliases else {qualifier: units}

    def provisioned_versions(self) -> dict[str, int]:
        """Return how many environments of each version are kept initialised."""
        found: dict[str, int] = {}
        for qualifier in self.provisioned:
            for version, units in self.provisioned_of(qualifier).items():
                found[version] = found.get(version, 0) + units
        return found

    def with_provisioned(self, qualifier: str, units: int, now_ms: int) -> "Function":
        """Return the function with provisioned concurrency for a version or an alias that it has.

        Raises InvalidSettingError, and AliasProvisionedError or VersionProvisionedError where a version would be
        provisioned both ways.
        """
        if self.tenant_isolation_mode:
            raise InvalidSettingError("Provisioned Concurrency is not supported for functions with tenant isolation.")
        version = self.version_of(qualifier)
        if version is not None and version.snap_start:
            raise InvalidSettingError("Provisioned Concurrency is not supported for functions enabled with SnapStart.")
        alias = self.aliases.get(qualifier)
        if alias is None and any(
            qualifier in self.aliases[name].versions for name in self.provisioned if name in self.aliases
        ):
            raise AliasProvisionedError
        if alias is not None and alias.weights:
            raise InvalidSettingError("Alias with weights can not be used with Provisioned Concurrency")
        if alias is not None and alias.function_version == LATEST:
            raise InvalidSettingError(NOT_ON_LATEST)
        if alias is not None and alias.function_version in self.provisioned:
            raise VersionProvisionedError
        made = {**self.provisioned, qualifier: Provisioned(units=units, modified_ms=now_ms)}
        changed = msgspec.structs.replace(self, provisioned=made)
        if self.reserved_concurrency is not None and changed.provisioned_units > self.reserved_concurrency:
            raise UntypedSettingError(
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
            )
        return changed

    def without_provisioned(self, qualifier: str) -> "Function":
        kept = {key: one for key, one in self.provisioned.items() if key != qualifier}
        return msgspec.structs.replace(self, provisioned=kept)

    def policy_revision(self, qualifier: str | None) -> str:
        """Return the RevisionId that a change of a qualifier's policy names: of what shall have one, until it has."""
        policy = self.policies.get(qualifier or "")
        if policy is not None:
            return policy.revision_id
        alias = self.aliases.get(qualifier or "")
        return alias.revision_id if alias is not None else self.versions[qualifier or LATEST].revision_id

    def with_policy(self, qualifier: str | None, policy: ResourcePolicy | None, revision_id: str) -> "Function":
        """Return the function with another policy of a qualifier, or with none; the function's own tells of it."""
        kept = {key: one for key, one in self.policies.items() if key != (qualifier or "")}
        if policy is not None:
            kept[qualifier or ""] = policy
        changed = msgspec.structs.replace(self, policies=kept)
        return changed if qualifier else changed.touched(revision_id)

    def with_url(self, qualifier: str, url: FunctionUrl) -> "Function":
        return msgspec.structs.replace(self, urls={**self.urls, qualifier: url})

    def without_url(self, qualifier: str) -> "Function":
        kept = {key: url for key, url in self.urls.items() if key != qualifier}
        return msgspec.structs.replace(self, urls=kept)

    def touched(self, revision_id: str) -> "Function":
        """Return the function after a change of something beside its code and settings, which its RevisionId tells."""
        return self.with_version(self.latest.touched(revision_id))

    def with_version(self, version: Version) -> "Function":
        return msgspec.structs.replace(self, versions={**self.versions, version.version: version})

    def without_version(self, name: str) -> "Function":
        """Raises VersionInUseError where an alias points at it."""
        users = sorted(alias.name for alias in self.aliases.values() if name in alias.versions)
        if users:
            raise VersionInUseError(users)
        kept = {key: version for key, version in self.versions.items() if key != name}
        return msgspec.structs.replace(self._without_settings(name), versions=kept)

    def _without_settings(self, qualifier: str) -> "Function":
        """Return the function without what was set for a qualifier, as another one of that name may come."""
        return msgspec.structs.replace(
            self,
            event_invoke_configs={key: one for key, one in self.event_invoke_configs.items() if key != qualifier},
            policies={key: one for key, one in self.policies.items() if key != qualifier},
            provisioned={key: one for key, one in self.provisioned.items() if key != qualifier},
            runtime_management={key: one for key, one in self.runtime_management.items() if key != qualifier},
        )

    def publish(self, description: str | None, revision_id: str, now_ms: int) -> tuple["Function", Version]:
        """Return the function with a new version of `$LATEST`, or as it is where nothing changed since the last one.

        `description`, where given, is the version's instead of `$LATEST`'s; it alone makes no new version. Of code that
        is still being prepared the version is there at once, Pending.
        """
        latest = self.latest
        source = latest.content
        numbered = [version for name, version in self.versions.items() if name != LATEST]
        if numbered and numbered[-1].source == source and numbered[-1].state != "Failed":
            return self, numbered[-1]
        made = latest.revised(
            revision_id, version=str(self.next_version), source=source, last_modified_ms=now_ms, previous=None,
            update_status="" if latest.pending_code is not None else "Successful", update_reason="", update_reason_code="",
        )  # fmt: skip
        if description is not None:
            made = made.replace(description=description)
        if made.snap_start or made.pending_code is not None:
            made = made.replace(state="Pending", state_reason=BEING_CREATED, state_reason_code="Creating")
        grown = msgspec.structs.replace(self.with_version(made), next_version=self.next_version + 1)
        return grown, made

"""What users declare: functions, versions, aliases, layers, concurrency settings, event source mappings."""

from ingle.functions.access.policy import (
    ResourcePolicy,
    Statement,
    parse_policy,
    principal_of,
    with_statement,
    without_statement,
)
from ingle.functions.access.policy import allow as allow_statement
from ingle.functions.access.policy import check_revision as check_policy_revision
from ingle.functions.access.policy import render as render_policy
from ingle.functions.access.public_access import lets_everybody_call
from ingle.functions.access.service_access import ServiceCall, lets_service_invoke
from ingle.functions.alias import Alias
from ingle.functions.code_signing import CodeSigningConfig, check_publishers
from ingle.functions.concurrency import Provisioned
from ingle.functions.errors import (
    AliasExistsError,
    AliasNotFoundError,
    AliasProvisionedError,
    AliasToUpdateNotFoundError,
    CodeSha256MismatchError,
    CodeVerificationFailedError,
    FunctionDoesNotExistError,
    FunctionExistsError,
    FunctionNotFoundError,
    FunctionNotReadyError,
    FunctionUrlExistsError,
    FunctionUrlNotFoundError,
    InvalidCodeSignatureError,
    InvalidSettingError,
    LayerVersionNotFoundError,
    MappingExistsError,
    MappingInUseError,
    PolicyNotFoundError,
    PolicyTooLongError,
    ProvisionedNotFoundError,
    RevisionMismatchError,
    StatementExistsError,
    StatementNotFoundError,
    UntypedSettingError,
    UpdateInProgressError,
    VersionInUseError,
    VersionProvisionedError,
)
from ingle.functions.events.event_invoke import EventInvokeConfig
from ingle.functions.events.event_source import NEXT as MAPPING_NEXT
from ingle.functions.events.event_source import NO_POLLER, EventSourceMapping, MappingEvent, MappingState
from ingle.functions.events.event_source_rules import KINDS, SETTINGS, check_settings, kind_of
from ingle.functions.events.filter_pattern import check_pattern
from ingle.functions.function import BEING_CREATED, LATEST, NOT_ON_LATEST, Code, Function, RuntimeManagement, Version
from ingle.functions.layer import Layer, LayerUse, LayerVersion, check_layers, check_unzipped
from ingle.functions.rules import (
    RESERVED_VARIABLES,
    check_runtime,
    check_snap_start,
    check_variables,
)
from ingle.functions.tags import check_tags
from ingle.functions.url import FunctionUrl, new_url_id

__all__ = [
    "BEING_CREATED",
    "KINDS",
    "LATEST",
    "MAPPING_NEXT",
    "NOT_ON_LATEST",
    "NO_POLLER",
    "RESERVED_VARIABLES",
    "SETTINGS",
    "Alias",
    "AliasExistsError",
    "AliasNotFoundError",
    "AliasProvisionedError",
    "AliasToUpdateNotFoundError",
    "Code",
    "CodeSha256MismatchError",
    "CodeSigningConfig",
    "CodeVerificationFailedError",
    "EventInvokeConfig",
    "EventSourceMapping",
    "Function",
    "FunctionDoesNotExistError",
    "FunctionExistsError",
    "FunctionNotFoundError",
    "FunctionNotReadyError",
    "FunctionUrl",
    "FunctionUrlExistsError",
    "FunctionUrlNotFoundError",
    "InvalidCodeSignatureError",
    "InvalidSettingError",
    "Layer",
    "LayerUse",
    "LayerVersion",
    "LayerVersionNotFoundError",
    "MappingEvent",
    "MappingExistsError",
    "MappingInUseError",
    "MappingState",
    "PolicyNotFoundError",
    "PolicyTooLongError",
    "Provisioned",
    "ProvisionedNotFoundError",
    "ResourcePolicy",
    "RevisionMismatchError",
    "RuntimeManagement",
    "ServiceCall",
    "Statement",
    "StatementExistsError",
    "StatementNotFoundError",
    "UntypedSettingError",
    "UpdateInProgressError",
    "Version",
    "VersionInUseError",
    "VersionProvisionedError",
    "allow_statement",
    "check_layers",
    "check_pattern",
    "check_policy_revision",
    "check_publishers",
    "check_runtime",
    "check_settings",
    "check_snap_start",
    "check_tags",
    "check_unzipped",
    "check_variables",
    "kind_of",
    "lets_everybody_call",
    "lets_service_invoke",
    "new_url_id",
    "parse_policy",
    "principal_of",
    "render_policy",
    "with_statement",
    "without_statement",
]

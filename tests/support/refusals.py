"""What each operation refuses, as data: requests that are done, and for each what may be wrong with them and the answer.

The texts are AWS's (API reference). `{A}` stands for the ARN of functions up to their name, `{R}` for that of the region.
"""

import enum
from typing import Any

from harness import zip_of
from in_process import RUNTIME

R = "arn:aws:lambda:us-east-1:000000000000:"
A = R + "function:"
F = {"FunctionName": "f"}
WEST = "arn:aws:lambda:eu-west-1:000000000000:"
ZIP = zip_of({"app.py": "# 1"})
UUID = "00000000-0000-0000-0000-000000000000"
CONFIG = R + "code-signing-config:csc-0123456789abcdef0"
PROFILE = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/name/0123456789"


class When(enum.IntEnum):
    """The order in which AWS looks at a request."""

    SHAPE = 1
    ALONE = 2
    """What is wrong by itself, whatever there is."""
    NAMED = 3
    """What arguments name."""
    RESOURCE = 4
    STATE = 5
    LIMIT = 6
    CONTENT = 7
    """Of an upload for a function that is there: it is read when all else is fine."""


Row = tuple[When, dict[str, Any], int, str, str]
"""When it is looked at; how a request differs; status, code, and how the message begins."""

INVALID, MISSING = "InvalidParameterValueException", "ResourceNotFoundException"
TAKEN, STALE, SHAPE = "ResourceConflictException", "PreconditionFailedException", "ValidationException"
ONLY_FUNCTIONS = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation."
)
OLD_REVISION = "The Revision Id provided does not match the latest Revision Id. Call the {} API to retrieve the latest"
BUSY = f"The operation cannot be performed at this time. An update is in progress for resource: {A}busy"
NEW = "The operation cannot be performed at this time. The function is currently in the following state: Pending"
NOT_UNZIPPED = "Could not unzip uploaded file. Please check your file, then try to upload again."
NOT_REACHABLE = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
GONE = "The resource you requested does not exist."


def invalid(change: dict[str, Any], text: str, when: When = When.ALONE) -> Row:
    return when, change, 400, INVALID, text


def missing(change: dict[str, Any], text: str, when: When = When.RESOURCE) -> Row:
    return when, change, 404, MISSING, text


def shape(member: str, value: Any, path: str = "") -> Row:
    shown = "null" if value is None else f"'{value}'"
    where = path or member[:1].lower() + member[1:]
    return When.SHAPE, {member: value}, 400, SHAPE, f"1 validation error detected: Value {shown} at '{where}' failed"


def by_name(text: str = f"Function not found: {A}nobody") -> list[Row]:
    """What may be wrong with the name of a function."""
    return [
        shape("FunctionName", "a b"),
        missing({"FunctionName": WEST + "function:f"}, NOT_REACHABLE, When.ALONE),
        missing({"FunctionName": "nobody"}, text),
        missing({"FunctionName": A + "nobody"}, text),
        missing({"FunctionName": R + "function"}, text.replace(":nobody", ":function")),
    ]


WHOLE = invalid({"FunctionName": "f:1"}, ONLY_FUNCTIONS)
TWO_QUALIFIERS = invalid(
    {"FunctionName": "f:1", "Qualifier": "live"},
    "The derived qualifier from the function name does not match the specified qualifier.",
)
STATES: list[Row] = [
    (When.STATE, {"FunctionName": "busy"}, 409, TAKEN, BUSY),
    (When.STATE, {"FunctionName": "new"}, 409, TAKEN, NEW),
]
OLD: Row = (When.STATE, {"RevisionId": UUID}, 412, STALE, OLD_REVISION.format("GetFunction/GetAlias"))
NO_VERSION = missing({"Qualifier": "9"}, f"Function not found: {A}f:9")
NO_ALIAS = missing({"Qualifier": "none"}, f"Cannot find alias arn: {A}f:none")
NO_SUCH_ALIAS = missing({"Qualifier": "none"}, f"Function not found: {A}f:none")
RESERVED = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided"
)
SETTINGS: list[Row] = [
    shape("Timeout", 0),
    shape("MemorySize", 127),
    (When.SHAPE, {"Environment": {"Variables": {"a": "1"}}}, 400, SHAPE,
     "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must"),
    invalid({"Runtime": "PYTHON3.9"}, "Value PYTHON3.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum"),
    invalid({"Runtime": "python3.7"}, "The runtime parameter of python3.7 is no longer supported for creating or updating"),
    invalid({"MemorySize": 10_241}, "'MemorySize' value failed to satisfy constraint: Member must have value less than or"),
    invalid({"Environment": {"Variables": {"AWS_REGION": "x"}}}, f"{RESERVED} contains reserved keys"),
    invalid({"Environment": {"Variables": {"AA": "x" * 4096}}}, f"{RESERVED} exceeded the 4KB limit. String measured: {{"),
    invalid({"Layers": [f"{R}layer:l:{at}" for at in range(6)]}, "Cannot reference more than 5 layers.", When.NAMED),
    invalid({"Layers": [WEST + "layer:l:1"]}, "Layers are not in the same region as the function. Layers are", When.NAMED),
    invalid({"Layers": [R + "layer:l:9"]}, f"Layer version {R}layer:l:9 does not exist.", When.NAMED),
    invalid(
        {"Layers": [R + "layer:l:1", R + "layer:l:2"]},
        "Two different versions of the same layer are not allowed to be referenced in the same function."
        f" {R}layer:l:1 and {R}layer:l:2 are versions of the same layer.",
        When.NAMED,
    ),
]  # fmt: skip
NO_SIGNING = (
    f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {CONFIG}."
)
WEIGHTS = "AdditionalVersionWeights"
ROUTING: list[Row] = [
    (When.SHAPE, {"RoutingConfig": {WEIGHTS: {"2": 2.0}}}, 400, SHAPE,
     "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint:"
     " Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value"),
    invalid({"RoutingConfig": {WEIGHTS: {"2": 0.5, "3": 0.1}}}, "Number of items in AdditionalVersionWeights cannot be"),
    invalid({"FunctionVersion": "1", "RoutingConfig": {WEIGHTS: {"1": 0.5}}}, "Invalid function version 1. Function version 1 is already included"),
    missing({**F, "RoutingConfig": {WEIGHTS: {"9": 0.5}}}, f"Function not found: {A}f:9"),
]  # fmt: skip
PRINCIPAL = "The provided principal was invalid. Please check the principal and try again."
ON_LATEST = "We currently do not support adding policies for $LATEST."
NO_LAYER = f"Layer version {R}layer:l:9 does not exist."
NO_SUCH_MAPPING = f"{R}event-source-mapping:{UUID}"
MARKER = invalid({"Marker": "rubbish"}, "The marker is not valid.")
TAGS: list[Row] = [
    shape("Resource", "f"),
    missing({"Resource": A + "nobody"}, f"Function not found: {A}nobody"),
    missing({"Resource": NO_SUCH_MAPPING}, f"Event source mapping not found: {NO_SUCH_MAPPING}"),
    missing({"Resource": R + "capacity-provider:c"}, f"Capacity provider not found: {R}capacity-provider:c"),
    invalid(
        {"Resource": A + "f:1"},
        "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    ),
]
TAG_STATES: list[Row] = [
    (When.STATE, {"Resource": A + "busy"}, 409, TAKEN, BUSY),
    (When.STATE, {"Resource": A + "new"}, 409, TAKEN, NEW),
]
NO_CONFIG_OF = f"The function {A}{{}} doesn't have an EventInvokeConfig"
NO_FUNCTION = "The function doesn't exist."
NO_PROVISIONED: Row = (
    When.STATE, {}, 404, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this",
)  # fmt: skip
UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
QUALIFIED_ONLY = "The function resource provided must be an alias or a published version."
PROVISIONED: list[Row] = [
    shape("Qualifier", None),
    missing({"FunctionName": "nobody", "Qualifier": "1"}, f"Function not found: {A}nobody:1"),
    missing({"FunctionName": "nobody", "Qualifier": "noalias"}, f"Cannot find alias arn: {A}nobody:noalias"),
    NO_VERSION,
    NO_ALIAS,
]
NO_STATEMENT = missing({"StatementId": "none"}, "Statement none is not found in resource policy.", When.STATE)
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
CODE_SETTINGS = {"Runtime": RUNTIME, "Role": "arn:aws:iam::000000000000:role/r", "Handler": "app.h"}
STATEMENT = {"StatementId": "t", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
LAYER_STATEMENT = {"StatementId": "t", "Action": "lambda:GetLayerVersion", "Principal": "*"}
LAYER = {"LayerName": "l", "VersionNumber": 1}
OF_LAYER: list[Row] = [
    shape("LayerName", "a b"),
    invalid({"VersionNumber": 0}, "Layer Version Cannot be less than 1"),
]
NO_URL = missing({"FunctionName": "busy"}, GONE)
CONFIGS = f"The Lambda code signing configuration {CONFIG} can not be found."
NO_PUBLISHER = invalid(
    {"AllowedPublishers": {"SigningProfileVersionArns": ["arn:aws:s3:us-east-1:000000000000:b"]}}, "arn:aws:s3"
)
MANUAL = invalid(
    {"UpdateRuntimeOn": "Manual"}, "RuntimeVersionArn is required where UpdateRuntimeOn is Manual, and only"
)
NO_SIGNING_CONFIG = missing({"CodeSigningConfigArn": CONFIG}, CONFIGS)
DESTINATION: list[Row] = [
    invalid(
        {**F, "DestinationConfig": {"OnFailure": {"Destination": A + "f"}}},
        "You can't specify the function as a destination",
    ),
    invalid(
        {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:iam::000000000000:role/r"}}},
        "The provided destination config DestinationConfig(",
    ),
    invalid(
        {"DestinationConfig": {"OnFailure": {"Destination": A + "no-target"}}},
        f"The destination ARN {A}no-target is invalid.",
        When.NAMED,
    ),
]

TABLE: dict[str, tuple[dict[str, Any], list[Row]]] = {
    "CreateFunction": (
        {"FunctionName": "g", "Code": {"ZipFile": ZIP}, **CODE_SETTINGS},
        [
            *SETTINGS,
            shape("Role", None),
            invalid(
                {"FunctionName": "x" * 65},
                f"1 validation error detected: Value '{'x' * 65}' at 'functionName' failed to satisfy constraint: Member must"
                " have length less than or equal to 64",
            ),
            invalid({"Handler": None}, "Handler is mandatory for functions created with deployment packages as zip."),
            invalid({"Tags": {"aws:a": "b"}}, "aws: prefixed tag key names are not allowed for external use."),
            invalid({"Tags": {f"k{at}": "" for at in range(51)}}, "Number of tags exceeds resource tag limit."),
            invalid({"Code": {"S3Bucket": "bucket"}}, "Please provide a source for function code."),
            invalid({"Code": {"ZipFile": b"no zip"}}, NOT_UNZIPPED, When.NAMED),
            invalid({"Code": {"ZipFile": zip_of({})}}, "Uploaded file must be a non-empty zip", When.NAMED),
            (When.NAMED, {"CodeSigningConfigArn": CONFIG}, 404, "CodeSigningConfigNotFoundException", NO_SIGNING),
            (When.RESOURCE, {"FunctionName": "f"}, 409, TAKEN, "Function already exist: f"),
            (When.RESOURCE, {"FunctionName": "busy"}, 409, TAKEN, "Function already exist: busy"),
        ],
    ),
    "UpdateFunctionCode": (
        {**F, "ZipFile": ZIP},
        [
            *by_name(), *STATES, OLD,
            invalid({"ZipFile": None}, "Please provide a source for function code."),
            invalid({"ImageUri": "i"}, "Please don't provide ImageUri when updating a function with packageType Zip."),
            invalid({"ZipFile": b"no zip"}, NOT_UNZIPPED, When.CONTENT),
        ],
    ),
    "UpdateFunctionConfiguration": ({**F}, [*by_name(), *SETTINGS, *STATES, OLD]),
    "PublishVersion": (
        {**F},
        [*by_name(), *STATES, OLD, invalid({"CodeSha256": "x"}, "CodeSHA256 (x) is different from current", When.LIMIT)],
    ),
    "GetFunction": ({**F}, [*by_name(), TWO_QUALIFIERS, NO_VERSION, NO_SUCH_ALIAS]),
    "GetFunctionConfiguration": ({**F}, [*by_name(), TWO_QUALIFIERS, NO_VERSION, NO_SUCH_ALIAS]),
    "ListVersionsByFunction": ({**F}, [*by_name(), shape("MaxItems", 0)]),
    "ListFunctions": ({}, [shape("MaxItems", 0), MARKER]),
    "DeleteFunction": (
        {"FunctionName": "spare", "Qualifier": "1"},
        [
            *by_name(f"Function not found: {A}nobody:1"),
            invalid({"Qualifier": "$LATEST"}, "$LATEST version cannot be deleted without deleting the function."),
            invalid({**F, "Qualifier": "live"}, "Deletion of aliases is not currently supported.", When.RESOURCE),
            (When.STATE, {**F, "Qualifier": "1"}, 409, TAKEN, "Unable to delete version because the following aliases"),
        ],
    ),
    "CreateAlias": (
        {**F, "Name": "a", "FunctionVersion": "1"},
        [
            *by_name(), *ROUTING, WHOLE, shape("Name", "1"),
            (When.ALONE, {"FunctionVersion": "$LATEST", "RoutingConfig": {WEIGHTS: {"2": 0.5}}}, 400, INVALID,
             "$LATEST is not supported for an alias pointing to more than 1 version"),
            missing({"FunctionVersion": "9"}, f"Function not found: {A}f:9"),
            (When.RESOURCE, {"Name": "live"}, 409, TAKEN, f"Alias already exists: {A}f:live"),
        ],
    ),
    "UpdateAlias": (
        {**F, "Name": "live", "FunctionVersion": "1"},
        [
            *by_name(), ROUTING[0], WHOLE,
            missing({"Name": "none"}, f"Alias not found: {A}f:none"),
            (When.STATE, {"RevisionId": UUID}, 412, STALE, OLD_REVISION.format("GetFunction/GetAlias")),
        ],
    ),
    "GetAlias": ({**F, "Name": "live"}, [*by_name(), WHOLE, missing({"Name": "none"}, f"Cannot find alias arn: {A}f:none")]),
    "DeleteAlias": ({**F, "Name": "none"}, [*by_name(), WHOLE]),
    "ListAliases": ({**F}, [*by_name(), WHOLE, shape("MaxItems", 0)]),
    "PutFunctionConcurrency": (
        {**F, "ReservedConcurrentExecutions": 1},
        [
            *by_name(f"Function not found: {A}nobody:$LATEST"), *STATES, WHOLE, shape("ReservedConcurrentExecutions", -1),
            invalid(
                {"ReservedConcurrentExecutions": 901},
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below"
                " its minimum value of [100].",
                When.LIMIT,
            ),
        ],
    ),
    "GetFunctionConcurrency": ({**F}, [*by_name(), WHOLE]),
    "DeleteFunctionConcurrency": ({**F}, [*by_name(f"Function not found: {A}nobody:$LATEST"), *STATES, WHOLE]),
    "PutProvisionedConcurrencyConfig": (
        {**F, "Qualifier": "1", "ProvisionedConcurrentExecutions": 1},
        [
            *PROVISIONED, invalid({"Qualifier": "$LATEST"}, UNPUBLISHED), shape("ProvisionedConcurrentExecutions", 0),
            invalid(
                {"ProvisionedConcurrentExecutions": 1001},
                "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].",
                When.LIMIT,
            ),
            invalid(
                {"ProvisionedConcurrentExecutions": 901},
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its"
                " minimum value of [100].",
                When.LIMIT,
            ),
        ],
    ),
    "GetProvisionedConcurrencyConfig": (
        {**F, "Qualifier": "2"}, [*PROVISIONED, invalid({"Qualifier": "$LATEST"}, QUALIFIED_ONLY), NO_PROVISIONED],
    ),
    "DeleteProvisionedConcurrencyConfig": (
        {**F, "Qualifier": "2"}, [*PROVISIONED, invalid({"Qualifier": "$LATEST"}, QUALIFIED_ONLY)],
    ),
    "ListProvisionedConcurrencyConfigs": ({**F}, by_name()),
    "AddPermission": (
        {**F, **STATEMENT},
        [
            *by_name(), TWO_QUALIFIERS, NO_VERSION, NO_ALIAS, shape("StatementId", "a b"),
            invalid({"Principal": "nobody"}, PRINCIPAL), invalid({"Qualifier": "$LATEST"}, ON_LATEST),
            (When.STATE, {"RevisionId": UUID}, 412, STALE, OLD_REVISION.format("GetPolicy")),
            (When.STATE, {"StatementId": "s"}, 409, TAKEN, "The statement id (s) provided already exists. Please provide"),
        ],
    ),
    "RemovePermission": (
        {**F, "StatementId": "s"},
        [
            *by_name(), TWO_QUALIFIERS, NO_VERSION, NO_ALIAS, NO_STATEMENT,
            missing({"Qualifier": "2"}, "No policy is associated with the given resource.", When.STATE),
            (When.STATE, {"RevisionId": UUID}, 412, STALE, OLD_REVISION.format("GetPolicy")),
        ],
    ),
    "GetPolicy": ({**F}, [*by_name(), TWO_QUALIFIERS, NO_VERSION, NO_ALIAS, missing({"Qualifier": "2"}, GONE)]),
    "CreateFunctionUrlConfig": (
        {**F, "Qualifier": "live", "AuthType": "NONE"},
        [
            shape("AuthType", "SOME"), shape("Qualifier", "1"),
            missing({"FunctionName": "nobody"}, "Function does not exist"),
            missing({"Qualifier": "none"}, "Function does not exist"),
            invalid({"Cors": {"AllowHeaders": ["a\tb"]}}, "Cors holds a character"),
        ],
    ),
    "GetFunctionUrlConfig": ({**F}, [shape("Qualifier", "1"), missing({"FunctionName": "nobody"}, GONE), NO_URL]),
    "UpdateFunctionUrlConfig": ({**F}, [shape("AuthType", "SOME"), missing({"FunctionName": "nobody"}, GONE), NO_URL]),
    "DeleteFunctionUrlConfig": ({**F}, [shape("Qualifier", "1"), missing({"FunctionName": "nobody"}, GONE), NO_URL]),
    "ListFunctionUrlConfigs": ({**F}, [missing({"FunctionName": "nobody"}, "Function does not exist")]),
    "PutFunctionEventInvokeConfig": (
        {**F, "MaximumRetryAttempts": 1},
        [
            shape("MaximumRetryAttempts", 3), missing({"FunctionName": "nobody"}, NO_FUNCTION), *DESTINATION,
            invalid({"MaximumRetryAttempts": None, "DestinationConfig": None}, "You must specify at least one of error handling or destination setting."),
        ],
    ),
    "UpdateFunctionEventInvokeConfig": (
        {**F, "MaximumRetryAttempts": 1},
        [
            shape("MaximumRetryAttempts", 3), missing({"FunctionName": "nobody"}, NO_FUNCTION), *DESTINATION,
            missing({"Qualifier": "1"}, NO_CONFIG_OF.format("f:1"), When.STATE),
        ],
    ),
    "GetFunctionEventInvokeConfig": (
        {**F},
        [missing({"FunctionName": "nobody"}, NO_CONFIG_OF.format("nobody:$LATEST")),
         missing({"Qualifier": "1"}, NO_CONFIG_OF.format("f:1"))],
    ),
    "TagResource": (
        {"Resource": A + "f", "Tags": {"a": "b"}},
        [
            *TAGS, *TAG_STATES, shape("Tags", None),
            invalid({"Tags": {}}, "An error occurred and the request cannot be processed."),
            invalid({"Tags": {"aws:a": "b"}}, "aws: prefixed tag key names are not allowed for external use."),
            invalid({"Tags": {f"k{at}": "" for at in range(50)}}, "Number of tags exceeds resource tag limit.", When.LIMIT),
        ],
    ),
    "UntagResource": ({"Resource": A + "f", "TagKeys": ["a"]}, [*TAGS, *TAG_STATES, shape("TagKeys", None)]),
    "ListTags": ({"Resource": A + "f"}, TAGS),
    "PublishLayerVersion": (
        {"LayerName": "l", "Content": {"ZipFile": ZIP}},
        [
            shape("LayerName", "a b"), shape("Content", None),
            invalid({"Content": {"ZipFile": b""}}, "Please provide a source for layer content."),
            invalid({"Content": {"ZipFile": b"no zip"}}, NOT_UNZIPPED),
        ],
    ),
    "GetLayerVersion": ({**LAYER}, [*OF_LAYER, missing({"VersionNumber": 9}, GONE), missing({"LayerName": "none"}, GONE)]),
    "DeleteLayerVersion": ({**LAYER, "VersionNumber": 9}, OF_LAYER),
    "GetLayerVersionByArn": ({"Arn": R + "layer:l:1"}, [shape("Arn", "l"), missing({"Arn": R + "layer:l:9"}, GONE)]),
    "AddLayerVersionPermission": (
        {**LAYER, **LAYER_STATEMENT},
        [
            *OF_LAYER, missing({"VersionNumber": 9}, NO_LAYER), shape("Action", "lambda:GetFunction"),
            (When.STATE, {"RevisionId": UUID}, 412, STALE, OLD_REVISION.format("GetLayerPolicy")),
            (When.STATE, {"StatementId": "s"}, 409, TAKEN, "The statement id (s) provided already exists. Please provide"),
        ],
    ),
    "RemoveLayerVersionPermission": (
        {**LAYER, "StatementId": "s"}, [*OF_LAYER, missing({"VersionNumber": 9}, NO_LAYER), NO_STATEMENT],
    ),
    "GetLayerVersionPolicy": ({**LAYER}, [*OF_LAYER, missing({"VersionNumber": 9}, NO_LAYER)]),
    "CreateCodeSigningConfig": (
        {"AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]}},
        [
            shape("AllowedPublishers", None),
            NO_PUBLISHER,
            invalid({"Tags": {"aws:a": "b"}}, "aws: prefixed tag key names are not allowed for external use."),
        ],
    ),
    "GetCodeSigningConfig": ({"CodeSigningConfigArn": "ours"}, [shape("CodeSigningConfigArn", "c"), NO_SIGNING_CONFIG]),
    "UpdateCodeSigningConfig": (
        {"CodeSigningConfigArn": "ours"}, [shape("CodeSigningConfigArn", "c"), NO_SIGNING_CONFIG, NO_PUBLISHER],
    ),
    "DeleteCodeSigningConfig": ({"CodeSigningConfigArn": "ours"}, [shape("CodeSigningConfigArn", "c"), NO_SIGNING_CONFIG]),
    "ListFunctionsByCodeSigningConfig": ({"CodeSigningConfigArn": "ours"}, [NO_SIGNING_CONFIG]),
    "PutFunctionCodeSigningConfig": (
        {**F, "CodeSigningConfigArn": "ours"},
        [
            *by_name(), *STATES, WHOLE,
            (When.RESOURCE, {"CodeSigningConfigArn": CONFIG}, 404, "CodeSigningConfigNotFoundException", NO_SIGNING),
        ],
    ),
    "GetFunctionCodeSigningConfig": ({**F}, [*by_name(), WHOLE]),
    "DeleteFunctionCodeSigningConfig": ({**F}, [*by_name(), *STATES, WHOLE]),
    "CreateEventSourceMapping": (
        {**F, "EventSourceArn": QUEUE},
        [
            shape("BatchSize", 0), invalid({"EventSourceArn": "arn:aws:s3:us-east-1:000000000000:b"}, "Unrecognized event"),
            invalid({"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater"),
            invalid({"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}, "Invalid filter pattern definition."),
            invalid({"FunctionName": "nobody"}, "Function does not exist", When.NAMED),
        ],
    ),
    "GetEventSourceMapping": ({"UUID": "ours"}, [missing({"UUID": UUID}, GONE)]),
    "UpdateEventSourceMapping": ({"UUID": "ours"}, [shape("BatchSize", 0), missing({"UUID": UUID}, GONE)]),
    "DeleteEventSourceMapping": ({"UUID": "ours"}, [missing({"UUID": UUID}, GONE)]),
    "PutFunctionRecursionConfig": ({**F, "RecursiveLoop": "Allow"}, [*by_name(), shape("RecursiveLoop", "No")]),
    "GetFunctionRecursionConfig": ({**F}, [*by_name()]),
    "PutRuntimeManagementConfig": (
        {**F, "UpdateRuntimeOn": "Auto"}, [*by_name(), TWO_QUALIFIERS, NO_VERSION, shape("UpdateRuntimeOn", "No"), MANUAL],
    ),
    "GetRuntimeManagementConfig": ({**F}, [*by_name(), TWO_QUALIFIERS, NO_VERSION]),
}  # fmt: skip

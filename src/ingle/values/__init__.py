"""Value types that everyone shares: ARNs, names, identifiers, sizes, deadlines, the clock, the root of errors."""

from ingle.values.arn import (
    FunctionArn,
    FunctionReference,
    InvalidFunctionNameError,
    parse_function_arn,
    parse_function_reference,
    runtime_version_arn,
)
from ingle.values.clock import Clock, SystemClock, iso_time
from ingle.values.cors import Cors
from ingle.values.errors import IngleError, InstallationError
from ingle.values.ids import new_request_id, new_trace_id
from ingle.values.layer_arn import InvalidLayerArnError, LayerArn, parse_layer_arn
from ingle.values.quantities import (
    EVENT_LIMIT_BYTES,
    MIB,
    PAYLOAD_LIMIT_BYTES,
    RESPONSE_LIMIT_BYTES,
    STREAM_BUFFER_BYTES,
    STREAM_LIMIT_BYTES,
)
from ingle.values.rate import Bucket
from ingle.values.runtimes import AWS_RUNTIMES, how_to_get_runtime, missing_runtime
from ingle.values.seals import ALL_SEALS

__all__ = [
    "ALL_SEALS",
    "AWS_RUNTIMES",
    "EVENT_LIMIT_BYTES",
    "MIB",
    "PAYLOAD_LIMIT_BYTES",
    "RESPONSE_LIMIT_BYTES",
    "STREAM_BUFFER_BYTES",
    "STREAM_LIMIT_BYTES",
    "Bucket",
    "Clock",
    "Cors",
    "FunctionArn",
    "FunctionReference",
    "IngleError",
    "InstallationError",
    "InvalidFunctionNameError",
    "InvalidLayerArnError",
    "LayerArn",
    "SystemClock",
    "how_to_get_runtime",
    "iso_time",
    "missing_runtime",
    "new_request_id",
    "new_trace_id",
    "parse_function_arn",
    "parse_function_reference",
    "parse_layer_arn",
    "runtime_version_arn",
]

"""The AWS wire formats and signatures, without I/O and without our domain."""

from ingle.protocol import event_stream, json_rpc, query_xml, rest_json, sigv4
from ingle.protocol.dialects import caller_of, service_name
from ingle.protocol.errors import AwsError, not_implemented, validation_error
from ingle.protocol.models import Operation, ServiceModel, load_service
from ingle.protocol.validation import check_text
from ingle.protocol.values_json import to_json

__all__ = [
    "AwsError",
    "Operation",
    "ServiceModel",
    "caller_of",
    "check_text",
    "event_stream",
    "json_rpc",
    "load_service",
    "not_implemented",
    "query_xml",
    "rest_json",
    "service_name",
    "sigv4",
    "to_json",
    "validation_error",
]

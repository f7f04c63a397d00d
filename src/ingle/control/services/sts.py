"""STS, as far as it tells callers who they are: GetCallerIdentity, which asks for no permission.

STS speaks the query protocol: action and parameters come as a form or in the query, answers are XML.
"""

from urllib.parse import parse_qs

from ingle.iam import Principal, unique_id
from ingle.protocol import AwsError, query_xml, rest_json, sigv4

BODY_LIMIT_BYTES = 64 * 1024
OPERATIONS = ("GetCallerIdentity",)
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def read_action(target: bytes, body: bytes) -> str:
    """Return the action that a request names once, in its query or its form. Raises AwsError."""
    named = [value for name, value in sigv4.read_query(target.partition(b"?")[2]) if name == "Action"]
    named += parse_qs(body.decode("latin-1")).get("Action", [])
    if not named:
        raise AwsError("MissingAction", "The request names no Action.", status=400)
    if len(named) > 1:
        raise AwsError("InvalidParameterCombination", "The parameter 'Action' must be given only once.", status=400)
    return named[0]


def answer(action: str, principal: Principal, request_id: str) -> rest_json.Answer:
    """Answer an action. Raises AwsError for every other than GetCallerIdentity."""
    if action not in OPERATIONS:
        raise AwsError(
            "NotImplemented", f"Ingle does not implement sts:{action}. Of STS it serves GetCallerIdentity.", status=501
        )
    told = {"Arn": principal.arn, "UserId": unique_id(principal.arn), "Account": principal.account}
    return query_xml.serialize(action, _NAMESPACE, told, request_id)

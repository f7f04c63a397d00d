"""The query protocol's XML, which STS and IAM speak: flat results, errors, and the dialects beside it."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

from ingle.protocol.errors import AwsError
from ingle.protocol.rest_json import Answer


def serialize(action: str, namespace: str, result: Mapping[str, str], request_id: str) -> Answer:
    """Render a result whose members are texts."""
    members = "".join(_element(name, escape(value)) for name, value in result.items())
    inner = _element(f"{action}Result", members)
    inner += _element("ResponseMetadata", _element("RequestId", request_id))
    return _document(200, f'<{action}Response xmlns="{namespace}">{inner}</{action}Response>')


def render_error(error: AwsError, request_id: str) -> Answer:
    """Render an error as services of the query protocol do, and all of the REST-XML protocol but S3."""
    kind = _element("Type", "Receiver" if error.status >= 500 else "Sender")
    told = _element("Error", kind + _members(error)) + _element("RequestId", request_id)
    return _document(error.status, _element("ErrorResponse", told))


def render_s3_error(error: AwsError, request_id: str) -> Answer:
    """Render an error as S3 does."""
    return _document(error.status, _element("Error", _members(error) + _element("RequestId", request_id)))


def render_ec2_error(error: AwsError, request_id: str) -> Answer:
    """Render an error as EC2 does."""
    errors = _element("Errors", _element("Error", _members(error)))
    return _document(error.status, _element("Response", errors + _element("RequestID", request_id)))


def _members(error: AwsError) -> str:
    return _element("Code", escape(error.code)) + _element("Message", escape(error.message))


def _element(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"


def _document(status: int, root: str) -> Answer:
    text = '<?xml version="1.0" encoding="UTF-8"?>\n' + root
    return status, [(b"content-type", b"text/xml")], text.encode("ascii", "xmlcharrefreplace")

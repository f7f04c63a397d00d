"""Each way for a signature to be wrong has AWS's own error code, status and words."""

import dataclasses
import datetime

import pytest
from signing import HOST, KEY_ID, Wire, check, refusal, sign

from ingle.protocol import AwsError, sigv4

MISMATCH = "The request signature we calculated does not match the signature you provided."
PRESIGNED_PARTS = ["X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires"]


def stamp_of(wire: Wire) -> str:
    return sigv4.parse_authorization(wire.target, wire.headers).timestamp


def at(wire: Wire, offset_s: float = 0) -> int:
    """Return the time in milliseconds, some seconds after the request was signed."""
    signed = datetime.datetime.strptime(stamp_of(wire), "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    return int(signed.timestamp() * 1000 + offset_s * 1000)


def shifted(wire: Wire, offset_s: int) -> str:
    moment = datetime.datetime.fromtimestamp(at(wire, offset_s) // 1000, datetime.UTC)
    return moment.strftime("%Y%m%dT%H%M%SZ")


def assert_mismatch(wire: Wire, now_ms: int) -> None:
    error = refusal(wire, now_ms)
    assert (error.code, error.status) == ("InvalidSignatureException", 403)
    assert error.message.startswith(MISMATCH)


def assert_incomplete(wire: Wire, words: str) -> None:
    error = refusal(wire, 0)
    assert (error.code, error.status) == ("IncompleteSignatureException", 400)
    assert words in error.message


def test_a_request_without_signature_is_missing_its_token() -> None:
    error = refusal(sign().without(b"authorization"), 0)
    assert (error.code, error.status) == ("MissingAuthenticationTokenException", 403)
    assert error.message == "Missing Authentication Token"


@pytest.mark.parametrize(
    "algorithm", [b"AWS4-HMAC-SHA1", b"AWS4-ECDSA-P256-SHA256", b"Bearer", b"", b"aws4-hmac-sha256"]
)
@pytest.mark.parametrize("expires_s", [None, 60])
def test_another_algorithm_is_unsupported(algorithm: bytes, expires_s: int | None) -> None:
    wire = sign(expires_s=expires_s).replaced(b"AWS4-HMAC-SHA256", algorithm)
    assert_incomplete(wire, f"Unsupported AWS 'algorithm': {algorithm.decode()!r}.")


@pytest.mark.parametrize("part", ["Credential", "Signature", "SignedHeaders"])
def test_an_authorization_header_without_a_part_says_which(part: str) -> None:
    assert_incomplete(sign().replaced(f"{part}=".encode(), b"Other="), f"requires '{part}' parameter.")
    value = sign().header(b"authorization").split(f"{part}=".encode())[1].split(b",")[0]
    assert_incomplete(sign().replaced(b"=" + value, b"="), f"requires '{part}' parameter.")


@pytest.mark.parametrize("part", PRESIGNED_PARTS)
def test_a_presigned_request_without_a_part_says_which(part: str) -> None:
    wire = sign("GET", expires_s=60).replaced(f"{part}=".encode(), b"Other=")
    assert_incomplete(wire, f"query-string parameters must include '{part}'.")


@pytest.mark.parametrize("part", PRESIGNED_PARTS)
def test_a_presigned_request_with_a_part_twice_is_refused(part: str) -> None:
    wire = sign("GET", expires_s=60)
    for extra in (f"{part}=1", part.replace("-", "%2D") + "=1"):
        assert_incomplete(dataclasses.replace(wire, target=wire.target + b"&" + extra.encode()), part)


@pytest.mark.parametrize(
    "credential",
    [
        "AKIA",
        "AKIA/20260101/eu-west-1/lambda",
        "AKIA/20260101/eu-west-1/lambda/aws3_request",
        "AKIA//eu-west-1/lambda/aws4_request",
        "AKIA/20260101//lambda/aws4_request",
        "/20260101/eu-west-1/lambda/aws4_request",
    ],
)
def test_an_incomplete_credential_is_shown(credential: str) -> None:
    wire = sign()
    held = wire.header(b"authorization").split(b"Credential=")[1].split(b",")[0]
    assert_incomplete(wire.replaced(held, credential.encode()), f"term, got '{credential}'")


def test_a_request_without_date_is_refused() -> None:
    assert_incomplete(sign().without(b"x-amz-date"), "either a 'X-Amz-Date' or a 'Date' header")


@pytest.mark.parametrize(
    "date", ["Sun, 30 Aug 2015 12:36:00 GMT", "2015-08-30T12:36:00Z", "20150830T123600", "now", " "]
)
def test_a_date_in_another_form_is_shown(date: str) -> None:
    assert_incomplete(sign().having(b"x-amz-date", date.encode()), f"'basic format'. Got '{date}'.")


@pytest.mark.parametrize("date", ["20150231T123600Z", "20151301T123600Z", "20150830T253600Z", "00000000T000000Z"])
def test_a_date_that_no_calendar_has_is_shown(date: str) -> None:
    assert_incomplete(sign().having(b"x-amz-date", date.encode()), f"'basic format'. Got '{date}'.")


def test_a_date_header_will_do_where_it_has_the_basic_format() -> None:
    wire = sign(headers={"date": "now"})  # the signer writes the date in the form of RFC 1123
    by_date = sign().without(b"x-amz-date").having(b"date", wire.header(b"date"))
    assert_incomplete(by_date, "'basic format'")
    signed = sigv4.parse_authorization(b"/", sign().without(b"x-amz-date").having(b"date", b"20150830T123600Z").headers)
    assert signed.timestamp == "20150830T123600Z"


def test_a_request_is_good_for_five_minutes_each_way() -> None:
    wire = sign()
    for offset_s in (-300, -299, 0, 299, 300, 300.9):
        check(wire, at(wire, offset_s))


def test_an_old_request_has_expired() -> None:
    wire = sign()
    error = refusal(wire, at(wire, 301))
    assert (error.code, error.status) == ("InvalidSignatureException", 403)
    old = f"{stamp_of(wire)} is now earlier than {shifted(wire, 1)} ({shifted(wire, 301)} - 5 min.)"
    assert error.message == f"Signature expired: {old}"


@pytest.mark.parametrize("expires_s", [None, 60, 604_800])
def test_a_request_of_the_future_is_not_yet_current(expires_s: int | None) -> None:
    wire = sign("GET", expires_s=expires_s)
    error = refusal(wire, at(wire, -301))
    assert (error.code, error.status) == ("InvalidSignatureException", 403)
    early = f"{stamp_of(wire)} is still later than {shifted(wire, -1)} ({shifted(wire, -301)} + 5 min.)"
    assert error.message == f"Signature not yet current: {early}"


@pytest.mark.parametrize("expires_s", [1, 60, 3600, 604_800])
def test_a_presigned_request_expires_when_it_says(expires_s: int) -> None:
    wire = sign("GET", expires_s=expires_s)
    check(wire, at(wire, expires_s))
    error = refusal(wire, at(wire, expires_s + 1))
    assert (error.code, error.status) == ("InvalidSignatureException", 403)
    assert error.message.startswith(f"Signature expired: {stamp_of(wire)} is now earlier than {shifted(wire, 1)}")


@pytest.mark.parametrize("expires", [b"0", b"604801", b"-1", b"+1", b"1.0", b"1_0", b"9999999999999999999", b"%D9%A3"])
def test_a_presigned_request_is_good_for_a_second_to_a_week(expires: bytes) -> None:
    wire = sign("GET", expires_s=60).replaced(b"X-Amz-Expires=60", b"X-Amz-Expires=" + expires)
    assert_incomplete(wire, "X-Amz-Expires must be a number of seconds from 1 to 604800.")


def test_another_service_in_the_scope_is_refused() -> None:
    wire = sign(service="logs")
    error = refusal(wire, at(wire))
    assert (error.code, error.status) == ("InvalidSignatureException", 403)
    assert error.message.startswith("Credential should be scoped to correct service: 'lambda'.")


def test_another_day_in_the_scope_is_refused() -> None:
    wire = sign()
    day = stamp_of(wire)[:8]
    changed = wire.replaced(f"/{day}/".encode(), b"/20150830/")
    error = refusal(changed, at(wire))
    assert (error.code, error.status) == ("InvalidSignatureException", 403)
    assert f"'20150830' != '{day}', from '{stamp_of(wire)}'." in error.message


def test_another_region_in_the_scope_is_a_mismatch() -> None:
    wire = sign()
    assert_mismatch(wire.replaced(b"/eu-west-1/", b"/us-east-1/"), at(wire))


@pytest.mark.parametrize("region", ["EU-WEST-1", "eu west", "*", "eu:west", "r" * 65, "é"])
def test_a_region_that_is_none_is_refused(region: str) -> None:
    wire = sign("GET", expires_s=60, region=region)
    error = refusal(wire, at(wire))
    assert (error.code, error.status) == ("InvalidSignatureException", 403)
    assert error.message == "Credential should be scoped to a valid region."


@pytest.mark.parametrize(
    "signed", [b"x-amz-date", b"x-amz-date;host", b"Host;x-amz-date", b"host;host;x-amz-date", b";"]
)
def test_host_must_be_signed_and_names_be_sorted(signed: bytes) -> None:
    assert_incomplete(sign().replaced(b"host;x-amz-date", signed), "'Host' must be a 'SignedHeader'")


def test_an_amz_header_that_is_not_signed_is_a_mismatch() -> None:
    for expires_s in (None, 60):
        wire = sign("GET", expires_s=expires_s)
        assert_mismatch(wire.having(b"x-amz-invocation-type", b"Event"), at(wire))


def test_a_signed_header_that_is_absent_is_a_mismatch() -> None:
    wire = sign(headers={"my-header": "1"})
    assert_mismatch(wire.without(b"my-header"), at(wire))
    assert_mismatch(sign().without(b"host"), at(sign()))


@pytest.mark.parametrize("given", ["0" * 64, "", "E3B0", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "UNSIGNED-PAYLOAD "])
def test_a_wrong_hash_of_the_body_is_refused(given: str) -> None:
    wire = sign(body=b"{}", headers={"x-amz-content-sha256": given})
    error = refusal(wire, at(wire))
    assert (error.code, error.status) == ("InvalidSignatureException", 403)


def test_another_body_host_or_key_is_a_mismatch() -> None:
    wire = sign(body=b"{}")
    assert_mismatch(dataclasses.replace(wire, body=b"{ }"), at(wire))
    assert_mismatch(wire.having(b"host", HOST.encode() + b".evil"), at(wire))
    signed = sigv4.parse_authorization(wire.target, wire.headers)
    with pytest.raises(AwsError) as raised:
        sigv4.verify(signed, bytes(32), wire.method, wire.target, wire.headers, sigv4.EMPTY_SHA256)
    assert raised.value.code == "InvalidSignatureException"


@pytest.mark.parametrize("expires_s", [None, 60])
def test_a_query_parameter_repeated_left_out_or_added_is_a_mismatch(expires_s: int | None) -> None:
    wire = sign("GET", "/2017-03-31/tags/f?tagKeys=a&tagKeys=b", expires_s=expires_s)
    check(sign("GET", "/2017-03-31/tags/f?tagKeys=a&tagKeys=b"), at(wire))
    for more in (b"&tagKeys=a", b"&tagKeys=c", b"&Qualifier=", b"&x-amz-signature=1"):
        assert_mismatch(dataclasses.replace(wire, target=wire.target + more), at(wire))
    assert_mismatch(dataclasses.replace(wire, target=wire.target.replace(b"tagKeys=a", b"tagKeys=b", 1)), at(wire))


def test_a_secret_never_shows_in_an_error() -> None:
    wire = sign().replaced(KEY_ID.encode(), b"AKIAOTHER")
    assert "wJalrXUtnFEMI" not in str(refusal(wire.having(b"x-amz-date", b"x"), 0))

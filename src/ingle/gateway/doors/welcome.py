"""A page for a person who opens the address of the AWS API in a browser: what this is, and what to do with it."""

from ingle.transport import Exchange

_PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Ingle</title>
<style>body{font:1.1em/1.5 system-ui,sans-serif;max-width:40em;margin:4em auto;padding:0 1em}</style>
<h1>Ingle</h1>
<p>This is Ingle, a self-hosted AWS Lambda. This address serves the API of Lambda for programs. It has no pages.</p>
<p>On the machine that runs Ingle, point the AWS CLI here and list the functions:</p>
<pre>eval "$(ingle env)"
aws lambda list-functions</pre>
<p><code>ingle --help</code> lists the commands. A function answers browsers at its own function URL.</p>
</html>
"""
_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"x-content-type-options", b"nosniff"),
)


def is_visit(exchange: Exchange) -> bool:
    """Say whether a browser asks for the root: an unsigned GET that prefers HTML; AWS has no operation there."""
    return (
        exchange.target == b"/"
        and exchange.method == b"GET"
        and b"text/html" in (exchange.header(b"accept") or b"")
        and exchange.header(b"authorization") is None
    )


def answer_visit(exchange: Exchange) -> None:
    """Answer with the page, which is the same for everybody and tells nothing of the installation."""
    exchange.respond(200, _HEADERS, _PAGE)

"""POST /rehearsals/{function}: initialise an environment without an invocation, and say whether init succeeded.

`ingle watch` asks after each change: nothing else tells whether code can be imported before somebody invokes it. The
environment waits for the next invocation, so the check does nothing that would not be done anyway.
"""

from urllib.parse import unquote

import msgspec

from ingle.gateway.callers.authenticate import Authenticator
from ingle.gateway.callers.decision_cache import authorize
from ingle.gateway.fleet.fleet import Fleet
from ingle.gateway.invocations.invoke import Invoker
from ingle.gateway.invocations.naming import read_arn
from ingle.protocol import AwsError
from ingle.transport import Exchange
from ingle.values import IngleError

_PREFIX = b"/rehearsals/"


def is_rehearsal(exchange: Exchange) -> bool:
    """Say whether a request asks for a rehearsal."""
    return exchange.method == b"POST" and exchange.target.startswith(_PREFIX)


class Rehearsals:
    """Answers requests for which `is_rehearsal` holds."""

    def __init__(self, account: str, authenticator: Authenticator, fleet: Fleet, invoker: Invoker) -> None:
        self._account = account
        self._authenticator = authenticator
        self._fleet = fleet
        self._invoker = invoker

    async def answer(self, exchange: Exchange) -> None:
        """Answer whether init succeeds; who may invoke a function may ask. Raises AwsError."""
        principal, signed = await self._authenticator.authenticate(exchange, exchange.body_nowait or b"")
        name = unquote(exchange.target.removeprefix(_PREFIX).decode("latin-1"))
        arn = read_arn(name, b"", signed.region, self._account)
        authorize(principal, "lambda:InvokeFunction", arn.account, str(arn))
        try:
            succeeded = await self._fleet.rehearse(self._invoker.key_of(arn))
        except AwsError:
            raise
        except IngleError:
            raise AwsError("ServiceUnavailableException", "The worker can't be reached; try again.") from None
        exchange.respond(200, ((b"content-type", b"application/json"),), msgspec.json.encode({"init": succeeded}))

"""Clients of AWS's APIs that are pointed at an installation: thin, because a command shall answer at once."""

import contextlib
import dataclasses
import http.client
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from ingle.protocol import AwsError, ServiceModel, calls, load_service
from ingle.values import IngleError

_TIMEOUT_S = 920.0
"""A function may run for 900 s, and its start takes some more."""
_CREDENTIALS_REFUSED = frozenset({"UnrecognizedClientException", "InvalidSignatureException"})
_TOKENS = ("NextMarker", "nextToken")
"""What a page names the next one by; one asks for it by `Marker` or `nextToken`."""


class NotInstalledError(IngleError):
    """A data directory holds no installation, or none that this user may read; the text says which."""


class UnreachableError(IngleError):
    """Nothing answers where an installation is said to serve; the text says what to do."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where an installation serves and what one signs with there."""

    data_dir: Path
    endpoint: str
    account: str
    region: str
    key: calls.AccessKey
    https: str | None = None
    """Where it serves with TLS, if it does."""
    ca_file: Path | None = None
    """Who signed the certificate, where one has to be told whom to trust."""


def data_dir_of(data: Path | None) -> Path:
    """Return the data directory that was named, or the default one: $INGLE_DATA, else ~/.local/share/ingle."""
    return data or Path(os.environ.get("INGLE_DATA") or Path.home() / ".local" / "share" / "ingle")


def find_installation(data_dir: Path) -> Installation:
    """Return the installation of a data directory. Raises NotInstalledError."""
    try:
        held = json.loads((data_dir / "credentials.json").read_text())
        key = calls.AccessKey(key_id=held["access_key_id"], secret=held["secret_access_key"])
        endpoint = (data_dir / "run" / "endpoint").read_text().strip()
        https = _read_line(data_dir / "run" / "https")
        ca = data_dir / "tls" / "ca.pem"
        return Installation(
            data_dir=data_dir,
            endpoint=endpoint,
            account=held["account_id"],
            region=held["region"],
            key=key,
            https=https,
            ca_file=ca if https is not None and ca.exists() else None,
        )
    except FileNotFoundError:
        raise NotInstalledError(f"nothing is installed in {data_dir}: start `ingle up` first") from None
    except NotADirectoryError:
        raise NotInstalledError(f"{data_dir} is not a directory: name the data directory of `ingle up`") from None
    except PermissionError:
        raise NotInstalledError(f"{data_dir} belongs to another user: run this command as that user") from None
    except (ValueError, KeyError, TypeError):
        raise NotInstalledError(
            f"{data_dir / 'credentials.json'} is damaged: `ingle up` can't have written it"
        ) from None


def _read_line(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return None


def get_json(path: str, data_dir: Path) -> Any:
    """Return what an installation answers to a signed GET of one of Ingle's own paths. Raises IngleError."""
    return _ask_own(find_installation(data_dir), calls.Call(method="GET", target=path))


def rehearse(installation: Installation, name: str) -> bool:
    """Say whether an environment of a function starts; none is invoked. Raises IngleError."""
    call = calls.Call(method="POST", target=f"/rehearsals/{quote(name, safe='')}")
    return bool(_ask_own(installation, call)["init"])


def _ask_own(installation: Installation, call: calls.Call) -> Any:
    connection = _Connection(installation, "lambda")
    status, headers, body = connection.send(call)
    if status != http.client.OK:
        raise connection.told(calls.read_error(status, headers, body))
    return json.loads(body)


def make_client(service: str, data_dir: Path) -> "Client":
    """Return a client of a service ("lambda", "logs") for an installation. Raises NotInstalledError."""
    return Client(service, find_installation(data_dir))


class Client:
    """Calls of a service's operations, by AWS's names."""

    def __init__(self, service: str, installation: Installation) -> None:
        self.installation = installation
        self.model: ServiceModel = load_service(service)
        self._connection = _Connection(installation, service)

    def call(self, operation: str, /, **members: Any) -> dict[str, Any]:
        """Return the members of an operation's result. Raises AwsError where it is refused, UnreachableError."""
        found = self.model.operations[operation]
        status, headers, body = self._connection.send(calls.render_call(self.model, found, members))
        try:
            return calls.read_result(self.model, found, status, headers, body)
        except AwsError as error:
            raise self._connection.told(error) from None

    def find(self, operation: str, /, **members: Any) -> dict[str, Any] | None:
        """Return the result of an operation, or None where what it is about is not there. Raises as `call` does."""
        try:
            return self.call(operation, **members)
        except AwsError as error:
            if error.code in ("ResourceNotFoundException", "ProvisionedConcurrencyConfigNotFoundException"):
                return None
            raise

    def pages(self, operation: str, /, **members: Any) -> Iterator[dict[str, Any]]:
        """Yield every page of a list. Raises as `call` does."""
        while True:
            page = self.call(operation, **members)
            yield page
            token = next((page[name] for name in _TOKENS if page.get(name)), None)
            if token is None:
                return
            members["Marker" if "NextMarker" in page else "nextToken"] = token


class _Connection:
    """Signed requests to an installation, each on a connection of its own: on one machine that costs next to nothing."""

    def __init__(self, installation: Installation, service: str) -> None:
        self._installation = installation
        self._service = service
        self._at = urlsplit(installation.endpoint)

    def send(self, call: calls.Call) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body. Raises UnreachableError."""
        held = self._installation
        signed = calls.sign(call, self._at.netloc, held.key, held.region, self._service, time.time())
        headers = {name.decode(): value.decode("latin-1") for name, value in signed}
        connection = http.client.HTTPConnection(self._at.hostname or "", self._at.port or 80, timeout=_TIMEOUT_S)
        with contextlib.closing(connection):
            try:
                connection.request(call.method, call.target, call.body or None, headers)
                answer = connection.getresponse()
                return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
            except (OSError, http.client.HTTPException) as error:
                raise self._unreachable(error) from None

    def told(self, error: AwsError) -> IngleError:
        """Return an error as it is told: that credentials are refused says more with where they come from."""
        if error.code not in _CREDENTIALS_REFUSED:
            return error
        held = self._installation
        file = held.data_dir / "credentials.json"
        return UnreachableError(f"{held.endpoint} refuses the credentials of {file}: does another Ingle serve there?")

    def _unreachable(self, error: Exception) -> UnreachableError:
        where, data = self._installation.endpoint, self._installation.data_dir
        if isinstance(error, ConnectionRefusedError):
            return UnreachableError(f"nothing answers at {where}: is `ingle up` running? (data: {data})")
        if isinstance(error, TimeoutError):
            return UnreachableError(f"{where} has not answered for {_TIMEOUT_S:.0f} s (data: {data})")
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return UnreachableError(f"the connection to {where} broke off: {reason} (data: {data})")

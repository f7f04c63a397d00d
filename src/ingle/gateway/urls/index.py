"""From the host that a request names to the function URL that it means. Pure."""

from collections.abc import Mapping

from ingle.gateway.fleet.admission import FunctionKey
from ingle.routing import FunctionRoute, UrlRoute

_MARK = ".lambda-url."


class UrlIndex:
    """The function URLs there are, under `lambda-url.<region>.<domain>`."""

    def __init__(self, domain: str) -> None:
        self._domain = "." + domain
        self._mark = _MARK.encode()
        self._end = self._domain.encode()
        self._known: dict[str, tuple[FunctionKey, UrlRoute]] = {}
        self._of: dict[FunctionKey, tuple[UrlRoute, ...]] = {}

    def follow(self, function: FunctionKey, route: FunctionRoute | None) -> None:
        """Have a function's URLs be those of its route."""
        for url in self._of.pop(function, ()):
            del self._known[url.url_id]
        if route is not None and route.urls:
            self._of[function] = route.urls
            self._known.update((url.url_id, (function, url)) for url in route.urls)

    def follow_all(self, routes: Mapping[FunctionKey, FunctionRoute]) -> None:
        """Have these functions, and no others, have URLs."""
        for function in {*self._of, *routes}:
            self.follow(function, routes.get(function))

    def is_url(self, host: bytes | None) -> bool:
        """Say whether a Host names a function URL, of whatever id; asked of each request to the front door."""
        return host is not None and self._mark in (name := host.lower()) and name.partition(b":")[0].endswith(self._end)

    def find_id(self, url_id: str) -> tuple[FunctionKey, UrlRoute] | None:
        """Return the function and its URL of an id; None where there is none."""
        return self._known.get(url_id)

    def host_of(self, function: FunctionKey, url: UrlRoute) -> str:
        """Return the host of a URL, without a port."""
        return f"{url.url_id}{_MARK}{function[1]}{self._domain}"

    def find(self, host: str) -> tuple[FunctionKey, UrlRoute] | None:
        """Return the function and its URL that a host without port names, in lower case; None where there is none."""
        url_id, _, rest = host.partition(_MARK)
        found = self._known.get(url_id)
        return found if found is not None and rest == found[0][1] + self._domain else None

"""AWS's service models, from the data that botocore ships: operations, URIs, shapes and constraints."""

import dataclasses
import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import botocore

from ingle.protocol.corrections import correct
from ingle.protocol.sigv4 import read_query

Shape = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of a service; `input` and `output` are shape names or None."""

    service: str
    name: str
    method: str
    uri: str
    status: int
    input: str | None
    output: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    query: list[tuple[str, str]]
    operation: Operation


class ServiceModel:
    """A service's operations and shapes."""

    def __init__(self, service: str, document: dict[str, Any]) -> None:
        self.service = service
        self.target_prefix: str = document["metadata"].get("targetPrefix", "")
        self.shapes: dict[str, Shape] = document["shapes"]
        correct(service, self.shapes)
        for shape in self.shapes.values():
            _forget_documentation(shape)
        self.operations: dict[str, Operation] = {}
        self._routes: list[_Route] = []
        for name, described in document["operations"].items():
            operation = Operation(
                service=service,
                name=name,
                method=described["http"]["method"],
                uri=described["http"]["requestUri"],
                status=described["http"].get("responseCode", 200),
                input=described.get("input", {}).get("shape"),
                output=described.get("output", {}).get("shape"),
            )
            self.operations[name] = operation
            path, _, query = described["http"]["requestUri"].partition("?")
            self._routes.append(
                _Route(
                    method=operation.method,
                    pattern=_path_pattern(path),
                    query=read_query(query.encode()),
                    operation=operation,
                )
            )
        # The more fixed characters a path has, the earlier it is tried.
        self._routes.sort(
            key=lambda route: (-len(re.sub(r"\(\?P<.*?\)", "", route.pattern.pattern)), -len(route.query))
        )

    def match(self, method: str, path: str, query: str) -> tuple[Operation, dict[str, str]] | None:
        """Return the operation that a method and raw path name, with its decoded labels; None for none."""
        path = path.rstrip("/") or "/"
        told = read_query(query.encode("latin-1", "replace")) if query else []
        for route in self._routes:
            if route.method != method or not set(route.query) <= set(told):
                continue
            found = route.pattern.fullmatch(path)
            if found is not None:
                return route.operation, {_label(key): unquote(value) for key, value in found.groupdict().items()}
        return None


def _forget_documentation(shape: Shape) -> None:
    shape.pop("documentation", None)
    for member in shape.get("members", {}).values():
        member.pop("documentation", None)


def _path_pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"\{([A-Za-z0-9]+)\+?\}", path.rstrip("/"))
    made = "".join(re.escape(piece) if at % 2 == 0 else f"(?P<L{piece}>[^/]+)" for at, piece in enumerate(pieces))
    return re.compile(made)


def _label(group: str) -> str:
    return group[1:]


@cache
def load_service(service: str) -> ServiceModel:
    """Return the newest model of a service ("lambda", "logs"), loaded once."""
    folder = Path(botocore.__file__).parent / "data" / service
    newest = max(entry for entry in folder.iterdir() if entry.is_dir())
    packed = newest / "service-2.json.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.exists() else (newest / "service-2.json").read_bytes()
    return ServiceModel(service, json.loads(text))

"""Writes src/ingle/protocol/aws_services.json: the protocol and name of each service of AWS, from botocore's models.

Control answers in them for services that it does not have. Services are known by their signing names, as a request tells
them; where several share one, the service that bears the name counts.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import botocore

FILE = Path(__file__).resolve().parent.parent / "src" / "ingle" / "protocol" / "aws_services.json"


def _metadata() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for folder in sorted((Path(botocore.__file__).parent / "data").iterdir()):
        models = sorted(folder.glob("*/service-2.json.gz"))
        if models:
            found.append((folder.name, json.loads(gzip.decompress(models[-1].read_bytes()))["metadata"]))
    return found


def services() -> dict[str, list[str]]:
    """Return protocol and name of each service by its signing name."""
    table: dict[str, list[str]] = {}
    for name, metadata in _metadata():
        signing_name = metadata.get("signingName") or metadata["endpointPrefix"]
        if signing_name not in table or name == signing_name:
            table[signing_name] = [metadata["protocol"], metadata["serviceFullName"]]
    return table


def render() -> str:
    """Return the file."""
    rows = ",\n".join(f'"{name}": {json.dumps(row)}' for name, row in sorted(services().items()))
    return f"{{\n{rows}\n}}\n"


if __name__ == "__main__":
    FILE.write_text(render())
    sys.stdout.write(f"{FILE}\n")

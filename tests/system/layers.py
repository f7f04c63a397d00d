"""Layers for tests: zip archives whose files can be executed, and functions that have them."""

import io
import stat
import zipfile
from collections.abc import Mapping

from harness import Ingle


def executable_zip(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zip archive of files that anybody may execute."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | 0o755) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def lay(ingle: Ingle, name: str, files: Mapping[str, str | bytes]) -> str:
    """Publish a layer of executable files; return its version's ARN."""
    client = ingle.client()
    made = client.publish_layer_version(LayerName=name, Content={"ZipFile": executable_zip(files)})
    return str(made["LayerVersionArn"])

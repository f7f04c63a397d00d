"""What an archive may hold is the function's own business, as far as it stays within its environment."""

import io
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from harness import Ingle
from tests.system.test_functions_api import create, refused

SOURCE = """import os, sys
sys.path.insert(0, "/var/task/by-root")
import mod

def handler(event, context):
    seen = {}
    for name in ("leak", "climbs", "loop"):
        try:
            seen[name] = open("/var/task/" + name).read()
        except OSError as error:
            seen[name] = type(error).__name__
    return [mod.VALUE, open("/var/task/a\\\\b").read(), seen]
"""


def zipped(files: dict[str, str], links: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for name, target in links.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, target)
    return made.getvalue()


def test_links_lead_anywhere_within_the_environment_and_nowhere_else(
    ingle: Ingle, functions: Any, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    links = {"by-root": "/var/task/lib", "leak": str(secret), "climbs": "../.." + str(secret), "loop": "loop"}
    code = zipped({"app.py": SOURCE, "lib/mod.py": "VALUE = 7\n", "a\\b": "flat"}, links)
    create(functions, "linked", Code={"ZipFile": code})
    try:
        functions.get_waiter("function_active_v2").wait(FunctionName="linked")
        answer = functions.invoke(FunctionName="linked")["Payload"].read()
        nothing = b'{"leak": "FileNotFoundError", "climbs": "FileNotFoundError", "loop": "OSError"}'
        assert answer == b'[7, "flat", ' + nothing + b"]"
    finally:
        functions.delete_function(FunctionName="linked")


@pytest.mark.parametrize("name", ["../x", "/x"])
def test_a_name_that_no_folder_holds_is_refused_with_its_reason(name: str, functions: Any) -> None:
    code, status, message = refused(lambda: create(functions, "refused", Code={"ZipFile": zipped({name: ""}, {})}))
    assert (code, status) == ("InvalidParameterValueException", 400)
    text = "Could not unzip uploaded file. Please check your file, then try to upload again."
    assert message.startswith(f"{text} ({name}: the name ")

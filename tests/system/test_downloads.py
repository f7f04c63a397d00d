"""What was uploaded can be downloaded again, by the URL that GetFunction and GetLayerVersion tell."""

import os
import urllib.error
import urllib.request
from typing import Any

import pytest
from harness import Ingle, zip_of

SOURCE = "def handler(event, context):\n    return 1\n"


def get(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        return bytes(answer.read())


def test_code_is_downloaded_as_it_was_uploaded(ingle: Ingle, functions: Any, deploy: Any) -> None:
    files: dict[str, str | bytes] = {"app.py": SOURCE, "large.bin": os.urandom(1_200_000)}
    name = deploy(SOURCE, files=files)
    location = functions.get_function(FunctionName=name)["Code"]["Location"]
    assert location.startswith(f"http://127.0.0.1:{ingle.port}/")
    assert get(location) == zip_of(files)
    functions.publish_version(FunctionName=name)
    functions.update_function_code(FunctionName=name, ZipFile=zip_of({"app.py": SOURCE}))
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    assert get(functions.get_function(FunctionName=name)["Code"]["Location"]) == zip_of({"app.py": SOURCE})
    assert get(functions.get_function(FunctionName=name, Qualifier="1")["Code"]["Location"]) == zip_of(files)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(location.replace(name, "another"))


def test_a_url_holds_across_later_updates(functions: Any, deploy: Any) -> None:
    name = deploy(SOURCE)
    location = functions.get_function(FunctionName=name)["Code"]["Location"]
    for number in range(2):
        made = zip_of({"app.py": f"{SOURCE}# {number}\n"})
        functions.update_function_code(FunctionName=name, ZipFile=made)
        assert get(functions.get_function(FunctionName=name)["Code"]["Location"]) == made
        assert get(location) == zip_of({"app.py": SOURCE})
        functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
        assert get(location) == zip_of({"app.py": SOURCE})


def test_a_layer_is_downloaded_as_it_was_uploaded(functions: Any) -> None:
    content = zip_of({"python/x.py": "x = 1\n"})
    made = functions.publish_layer_version(LayerName="downloaded", Content={"ZipFile": content})
    shown = functions.get_layer_version(LayerName="downloaded", VersionNumber=made["Version"])
    by_arn = functions.get_layer_version_by_arn(Arn=made["LayerVersionArn"])
    for one in (made, shown, by_arn):
        assert get(one["Content"]["Location"]) == content
    functions.delete_layer_version(LayerName="downloaded", VersionNumber=made["Version"])
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(shown["Content"]["Location"])

"""The Telemetry API and the Logs API as an extension sees them: what it is sent of a function's life, and how."""

import json
import re
import time
from typing import Any

import pytest
from harness import TIME_SCALE, Ingle
from tests.system.layers import lay
from tests.system.test_logs import wait_for_events

COLLECTOR = '''#!/usr/bin/env python3
"""Subscribes as the variable SUBSCRIBE says, and writes down all that it is sent."""
import http.client, http.server, json, os, socket, threading

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
PATH, REQUEST, TIMES = json.loads(os.environ["SUBSCRIBE"])

def call(method, path, headers, body=None):
    link = http.client.HTTPConnection(API)
    link.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = link.getresponse()
    return answer.headers, json.loads(answer.read())

def note(*events):
    with open("/tmp/told", "a") as file:
        file.write("".join(json.dumps(event) + "\\n" for event in events))

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        note(*json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass

def read_lines(listener):
    while True:
        link, _ = listener.accept()
        for line in link.makefile():
            note(json.loads(line))

address = (socket.gethostbyname("sandbox.localdomain"), 4243)
if REQUEST["destination"]["protocol"] == "HTTP":
    server = http.server.ThreadingHTTPServer(address, Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
elif TIMES:
    listener = socket.create_server(address)
    threading.Thread(target=read_lines, args=(listener,), daemon=True).start()
else:
    stuck = socket.create_server(address, backlog=1)  # takes connections, and never a byte
headers, _ = call("POST", "/2020-01-01/extension/register", {"Lambda-Extension-Name": "collector.py"}, {"events": ["INVOKE"]})
me = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
for _ in range(max(1, TIMES)):
    _, answer = call("PUT", PATH, me, REQUEST)
print("subscribed", answer, flush=True)
while True:
    call("GET", "/2020-01-01/extension/event/next", me)
'''

TALKER = """
import json, os, time
def told():
    try:
        return [json.loads(line) for line in open("/tmp/told").read().split("\\n") if line]
    except (FileNotFoundError, ValueError):
        return []
def handler(event, context):
    print(json.dumps({"said": event.get("say")}))
    end = time.monotonic() + 8
    while event.get("wait") and time.monotonic() < end:
        if any(one["type"] == event["wait"] for one in told()):
            break
        time.sleep(0.01)
    return {"told": told(), "request": context.aws_request_id}
"""

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243/here"}
TCP = {"protocol": "TCP", "port": 4243}
ALL = ["platform", "function", "extension"]
SOON = {"timeoutMs": 25}


@pytest.fixture(scope="module")
def layer(ingle: Ingle) -> str:
    return lay(ingle, "collector", {"extensions/collector.py": COLLECTOR})


@pytest.fixture
def collected(deploy_alone: Any, layer: str) -> Any:
    def act(path: str, request: dict[str, Any], times: int = 1, **settings: Any) -> str:
        variables = {"Variables": {"SUBSCRIBE": json.dumps([path, request, times])}}
        return str(deploy_alone(TALKER, Layers=[layer], Environment=variables, MemorySize=256, Timeout=20, **settings))

    return act


def of(told: list[dict[str, Any]], kind: str) -> list[Any]:
    return [one["record"] for one in told if one["type"] == kind]


def test_telemetry_tells_of_init_and_invocations_by_http(collected: Any, call: Any, logs: Any) -> None:
    request = {"schemaVersion": "2022-12-13", "types": ALL, "buffering": SOON, "destination": HTTP}
    name = collected("/2022-07-01/telemetry", request, LoggingConfig={"LogFormat": "JSON"})
    first = call(name, {"say": "hello"}).payload["request"]
    told = call(name, {"wait": "platform.report"}).payload["told"]
    kinds = [one["type"] for one in told]
    assert kinds.index("platform.initStart") == 0
    expected = [
        "platform.initStart", "platform.telemetrySubscription", "platform.initRuntimeDone", "platform.extension",
        "platform.initReport", "platform.start", "function", "platform.runtimeDone", "platform.report",
    ]  # fmt: skip
    positions = [kinds.index(kind) for kind in expected]
    assert positions == sorted(positions), kinds
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"]) for one in told)
    start = of(told, "platform.initStart")[0]
    assert (start["initializationType"], start["phase"], start["functionName"]) == ("on-demand", "init", name)
    assert of(told, "platform.telemetrySubscription") == [{"name": "collector.py", "state": "Subscribed", "types": ALL}]
    assert of(told, "platform.extension") == [{"name": "collector.py", "state": "Ready", "events": ["INVOKE"]}]
    assert of(told, "platform.initReport")[0]["metrics"]["durationMs"] > 0
    assert of(told, "platform.start")[0]["requestId"] == first
    assert of(told, "function")[0] == {"said": "hello"}  # an object, as the function's log format is JSON
    assert "subscribed OK" in of(told, "extension")
    done = of(told, "platform.runtimeDone")[0]
    assert (done["requestId"], done["status"]) == (first, "success")
    assert done["metrics"]["producedBytes"] > 0
    assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration", "runtimeOverhead"]
    assert done["tracing"]["type"] == "X-Amzn-Trace-Id"
    report = of(told, "platform.report")[0]
    assert report["status"] == "success"
    assert report["metrics"]["memorySizeMB"] == 256
    assert report["metrics"]["durationMs"] >= done["metrics"]["durationMs"]
    assert [span["name"] for span in report["spans"]] == ["extensionOverhead"]


def test_the_logs_api_tells_of_invocations_by_tcp(collected: Any, call: Any, logs: Any) -> None:
    request = {"schemaVersion": "2021-03-18", "types": ALL, "buffering": SOON, "destination": TCP}
    name = collected("/2020-08-15/logs", request, times=30)
    first = call(name, {"say": "hello"}).payload["request"]
    told = call(name, {"wait": "platform.report"}).payload["told"]
    assert of(told, "platform.logsSubscription") == [{"name": "collector.py", "state": "Subscribed", "types": ALL}]
    assert of(told, "function")[0] == '{"said": "hello"}'
    assert of(told, "platform.runtimeDone") == [{"requestId": first, "status": "success"}]
    assert of(told, "platform.end") == [{"requestId": first}]
    assert set(of(told, "platform.report")[0]) == {"requestId", "metrics"}
    assert not [one for one in told if one["type"].startswith("platform.init")]
    lines = [event["message"].rstrip("\n") for event in wait_for_events(logs, f"/aws/lambda/{name}", 8)]
    subscribed = [line for line in lines if line.startswith("LOGS\t")]
    assert subscribed == ["LOGS\tName: collector.py\tState: Subscribed\tTypes: [Platform, Function, Extension]"]


def test_a_subscriber_that_takes_nothing_holds_up_nobody(collected: Any, call: Any) -> None:
    request = {"schemaVersion": "2022-07-01", "types": ALL, "buffering": SOON, "destination": TCP}
    name = collected("/2022-07-01/telemetry", request, times=0)
    call(name, {})
    began = time.monotonic()
    for _ in range(20):
        assert call(name, {"say": "x" * 100_000}).error is None
    assert time.monotonic() - began < 15 * TIME_SCALE

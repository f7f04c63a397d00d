"""Node.js as Lambda runs it: AWS's client, its errors, logs, handlers, streams, modules, and when an invocation ends."""

import base64
import concurrent.futures
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from harness import zip_of

from ingle.app.commands.doctor import host_runtimes

NODES = [entry.name for entry in host_runtimes() if entry.name.startswith("nodejs")]
IDENTIFIER = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class Case(NamedTuple):
    """A function, an event, and what is right."""

    files: dict[str, str]
    payload: Any = None
    error: str = ""
    message: str = ""
    handler: str = "index.handler"
    event: Any = None


def js(body: str, **settings: Any) -> Case:
    """Return a case of one CommonJS file."""
    return Case({"index.js": body}, **settings)


PACKAGE = {"node_modules/own/package.json": '{"main": "m.js"}', "node_modules/own/m.js": "module.exports = 'own'"}
MODULE = "export const handler = async (e) => [e, typeof require, import.meta.url]"
HANDLERS = {
    "an async handler": js("exports.handler = async (e) => ({got: e})", event={"a": 1}, payload={"got": {"a": 1}}),
    "a handler that returns nothing": js("exports.handler = () => {}", payload=None),
    "an async handler that returns nothing": js("exports.handler = async () => {}", payload=None),
    "a plain value is no answer": js("exports.handler = () => 5", payload=None),
    "nested exports": js("exports.a = {b: {handler: async () => 'deep'}}", handler="index.a.b.handler", payload="deep"),
    "a folder": Case({"src/app.js": "exports.run = async () => 'in'"}, handler="src/app.run", payload="in"),
    "a package": Case(PACKAGE | {"index.js": "const o = require('own'); exports.handler = async () => o"}, payload="own"),
    ".mjs": Case({"index.mjs": MODULE}, event=3, payload=[3, "undefined", "file:///var/task/index.mjs"]),
    ".cjs": Case({"index.cjs": "exports.handler = async () => 'cjs'"}, payload="cjs"),
    "type module": Case(
        {"index.js": MODULE, "package.json": '{"type": "module"}'}, event=3,
        payload=[3, "undefined", "file:///var/task/index.js"],
    ),
    "top-level await": Case(
        {"index.mjs": "const v = await new Promise((r) => setTimeout(r, 20, 'awaited'));\nexport const handler = async () => v"},
        payload="awaited",
    ),
    "a callback": js("exports.handler = (e, c, done) => done(null, [e])", event=1, payload=[1]),
    "a callback's error": js("exports.handler = (e, c, done) => done(new TypeError('no'))", error="TypeError", message="no"),
    "a callback's text": js("exports.handler = (e, c, done) => done('no')", error="string", message="no"),
    "context.succeed": js("exports.handler = (e, c) => c.succeed('s')", payload="s"),
    "context.fail": js("exports.handler = (e, c) => c.fail(new RangeError('f'))", error="RangeError", message="f"),
    "context.done": js("exports.handler = (e, c) => c.done(null, 'd')", payload="d"),
    "a callback that is never called": js("exports.handler = (e, c, done) => {}", payload=None),
    "a promise that never settles": js(
        "exports.handler = () => new Promise(() => {})", error="Runtime.NodeJsExit", message="has not settled"
    ),
    "an answer that can't be told": js(
        "exports.handler = async () => ({n: 1n})", error="Error", message="Unable to stringify response body"
    ),
    "thrown": js("exports.handler = () => { throw new TypeError('t') }", error="TypeError", message="t"),
    "rejected": js("exports.handler = async () => { throw new TypeError('r') }", error="TypeError", message="r"),
    "rejected with what is no error": js("exports.handler = async () => { throw 7 }", error="number", message="7"),
    "a rejection that nobody handles": js(
        "exports.handler = async () => { Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 500)) }",
        error="Runtime.UnhandledPromiseRejection", message="Error: lost",
    ),
    "uncaught": js(
        "exports.handler = async () => { setTimeout(() => { throw new RangeError('late') }); await new Promise((r) => setTimeout(r, 500)) }",
        error="RangeError", message="late",
    ),
    "process.exit": js("exports.handler = async () => process.exit(3)", error="Runtime.ExitError", message="exit status 3"),
    "no module": Case({"a.js": ""}, error="Runtime.ImportModuleError", message="Cannot find module 'index'"),
    "no module inside": js("require('absent')", error="Runtime.ImportModuleError", message="Cannot find module 'absent'"),
    "no handler": js("exports.other = 1", error="Runtime.HandlerNotFound", message="index.handler is undefined or not exported"),
    "no function": js("exports.handler = 1", error="Runtime.HandlerNotFound", message="index.handler is not a function"),
    "no name": js("", handler="index", error="Runtime.MalformedHandlerName", message="Bad handler"),
    "upwards": js("", handler="../index.handler", error="Runtime.MalformedHandlerName", message="is not a valid handler name"),
    "syntax": js("exports.handler = (", error="Runtime.UserCodeSyntaxError", message="SyntaxError: Unexpected end of input"),
    "thrown at init": js("throw new RangeError('x')", error="RangeError", message="x"),
    "the interpreter": js(
        "exports.handler = async () => [process.execPath, process.argv[1], process.cwd(), typeof gc, process.env.NODE_PATH]",
        payload=["/var/lang/bin/node", "/var/runtime/index.mjs", "/var/task", "function",
                 f"/opt/nodejs/node{NODES[0][6:8] if NODES else ''}/node_modules:/opt/nodejs/node_modules"
                 ":/var/runtime/node_modules:/var/runtime:/var/task"],
    ),
    "the heap": js(
        "exports.handler = async () => require('v8').getHeapStatistics().heap_size_limit < 140 << 20", payload=True
    ),
    "the host's packages": js(
        "exports.handler = async () => ['npm', 'corepack'].map((n) => { try { return require(n) && n } catch (e) { return e.code } })",
        payload=["MODULE_NOT_FOUND"] * 2,
    ),
    "AWS's SDK": js(
        "const {S3Client} = require('@aws-sdk/client-s3'); const {DynamoDBDocumentClient: D} = require('@aws-sdk/lib-dynamodb');\n"
        "exports.handler = async () => [typeof D.from, await new S3Client({}).config.region()]",
        payload=["function", "us-east-1"],
    ),
    "AWS's SDK, imported": Case(
        {"index.mjs": "import {SQSClient} from '@aws-sdk/client-sqs'\nexport const handler = async () => SQSClient.name"},
        payload="SQSClient",
    ),
    "no package, imported": Case({"index.mjs": "import 'absent'"}, error="Error", message="Cannot find package 'absent'"),
}  # fmt: skip


@pytest.fixture
def node(deploy: Callable[..., str]) -> Callable[..., str]:
    """Deploy files for a node of this host."""
    if not NODES:
        pytest.skip("this host has no node")
    return lambda files, **settings: deploy(
        "", files=files, **{"runtime": NODES[0], "Handler": "index.handler", **settings}
    )


@pytest.mark.parametrize("case", HANDLERS)
def test_handlers_end_as_on_lambda(case: str, node: Any, invoke: Any) -> None:
    files, payload, error, message, handler, event = HANDLERS[case]
    answer = invoke(node(files, Handler=handler, Timeout=20), event)
    if not error:
        assert (answer.payload, answer.error) == (payload, None)
        return
    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == error, answer.payload
    assert message in answer.payload["errorMessage"]


def tail_of(answer: Any) -> list[str]:
    """Return what a function logged, each event as a line: inner ends of line are shown as `|`."""
    text = base64.b64decode(answer.tail).decode()
    own = text.partition("START ")[2].partition("\n")[2].rpartition("END ")[0]
    return re.sub(r"\n(?!20\d\d-|\{\")", "|", own.rstrip("\n")).split("\n")


TALK = """
exports.handler = async (event, context) => {
  console.log('plain %s', 'text', { a: 1 });
  console.info('two\\nlines');
  console.warn('w'); console.debug('d'); console.trace('t'); console.error(new TypeError('e'));
  throw new RangeError('over');
};
"""


def test_each_call_of_the_console_is_one_event_with_time_request_and_level(node: Any, invoke: Any) -> None:
    answer = invoke(node({"index.js": TALK}), LogType="Tail")
    expected = [
        r"INFO\tplain text \{ a: 1 \}", r"INFO\ttwo\|lines", r"WARN\tw", r"DEBUG\td", r"TRACE\tt",
        r"ERROR\tTypeError: e\|    at exports\.handler \(/var/task/index\.js:5:.*file:///var/runtime/index\.mjs.*",
        r"ERROR\tInvoke Error \t\{\"errorType\":\"RangeError\",\"errorMessage\":\"over\",\"stack\":\[\"RangeError: over\".*\}",
    ]  # fmt: skip
    lines = tail_of(answer)
    assert len(lines) == len(expected), lines
    for pattern, line in zip(expected, lines, strict=True):
        assert re.fullmatch(rf"{TIME}\t{IDENTIFIER}\t{pattern}", line), line
    assert answer.payload["trace"][0] == "RangeError: over"


def test_with_json_each_call_is_one_object_with_a_level(node: Any, invoke: Any) -> None:
    config = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO"}
    answer = invoke(node({"index.js": TALK}, LoggingConfig=config), LogType="Tail")
    text = base64.b64decode(answer.tail).decode()
    found = [json.loads(line) for line in text.splitlines() if "platform." not in line]
    assert [(one["level"], one["message"]) for one in found[:3]] == [
        ("INFO", "plain text { a: 1 }"), ("INFO", "two\nlines"), ("WARN", "w"),
    ]  # fmt: skip
    assert [one["message"]["errorType"] for one in found[3:]] == ["TypeError", "RangeError"]
    assert {one["level"] for one in found[3:]} == {"ERROR"}
    assert found[3]["message"]["stackTrace"][0] == "TypeError: e"
    assert all(re.fullmatch(TIME, one["timestamp"]) and re.fullmatch(IDENTIFIER, one["requestId"]) for one in found)


LATE = """
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = event.waits;
  setTimeout(() => console.log('late'), 300);
  callback(null, 1);
};
"""


@pytest.mark.parametrize("waits", [True, False])
def test_a_callback_waits_for_the_event_loop_unless_it_is_told_not_to(waits: bool, node: Any, invoke: Any) -> None:
    answer = invoke(node({"index.js": LATE}), {"waits": waits}, LogType="Tail")
    text = base64.b64decode(answer.tail).decode()
    match = re.search(r"\tDuration: ([\d.]+) ms", text)
    assert match is not None
    assert answer.payload == 1
    assert (float(match.group(1)) >= 300, "late" in text) == (waits, waits)


WORKS_ON = """
exports.handler = (event, context, callback) => {
  if (event.dies) setTimeout(() => process.exit(1), 600);
  callback(null, process.pid);
};
"""


def test_what_a_callback_leaves_to_the_event_loop_harms_no_other_caller(node: Any, invoke: Any) -> None:
    name = node({"index.js": WORKS_ON}, Timeout=20)
    assert invoke(name, {}).error is None
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(invoke, name, {"dies": True})
        others = []
        while not first.done():
            others.append(invoke(name, {}))
    assert first.result().payload["errorType"] == "Runtime.ExitError"  # its answer waits for the event loop
    others.append(invoke(name, {}))
    assert len(others) > 1
    assert [one.payload for one in others if one.error is not None] == []


AFTER = """
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  callback(null, 'x'.repeat(event));
  process.exit(0);
};
"""


@pytest.mark.parametrize("size", [1, 3_000_000])
def test_an_answer_has_left_when_the_callback_returns(size: int, node: Any, invoke: Any) -> None:
    assert invoke(node({"index.js": AFTER}, Timeout=20), size).payload == "x" * size


def test_events_follow_each_other_in_one_process(node: Any, invoke: Any) -> None:
    source = "let n = 0; exports.handler = async (e) => { if (e) throw new Error('e'); return [process.pid, ++n] }"
    name = node({"index.js": source})
    pid, number = invoke(name).payload
    assert invoke(name, 1).error == "Unhandled"
    assert invoke(name).payload == [pid, number + 1]


def test_the_context_tells_what_it_tells_on_lambda(node: Any, invoke: Any) -> None:
    source = "exports.handler = async (e, c) => ({...c, left: c.getRemainingTimeInMillis(), trace: process.env._X_AMZN_TRACE_ID})"
    name = node({"index.js": source})
    context = base64.b64encode(b'{"custom": {"k": "v"}}').decode()
    told = invoke(name, ClientContext=context).payload
    assert told["functionName"] == name
    assert told["functionVersion"] == "$LATEST"
    assert told["memoryLimitInMB"] == "128"
    assert told["logGroupName"] == f"/aws/lambda/{name}"
    assert told["invokedFunctionArn"].endswith(f":function:{name}")
    assert told["clientContext"] == {"custom": {"k": "v"}}
    assert told["callbackWaitsForEmptyEventLoop"] is True
    assert re.fullmatch(IDENTIFIER, told["awsRequestId"])
    assert 0 < told["left"] <= 3000
    assert told["trace"].startswith("Root=1-")


IMPORTS = "import {own} from 'own'; import {two} from 'two';\nexport const handler = async () => [own, two]"
REQUIRES = "exports.handler = async () => [require('own').own, require('two').two]"


@pytest.mark.parametrize("entry", ["index.mjs", "index.js"])
def test_packages_of_layers_are_found(entry: str, node: Any, invoke: Any, functions: Any) -> None:
    def package(name: str, value: str) -> dict[str, str]:
        return {"package.json": '{"main": "m.js"}', "m.js": f"exports.{name} = '{value}'"}

    versioned, common = f"nodejs/node{NODES[0][6:8]}/node_modules", "nodejs/node_modules"
    files = {f"{versioned}/own/{path}": text for path, text in package("own", "versioned").items()}
    files |= {f"{common}/own/{path}": text for path, text in package("own", "common").items()}
    files |= {f"{common}/two/{path}": text for path, text in package("two", "common").items()}
    layer = functions.publish_layer_version(LayerName=f"node-{entry[6:]}", Content={"ZipFile": zip_of(files)})
    source = IMPORTS if entry.endswith("mjs") else REQUIRES
    assert invoke(node({entry: source}, Layers=[layer["LayerVersionArn"]])).payload == ["versioned", "common"]


def test_every_node_of_the_host_runs(node: Any, invoke: Any) -> None:
    source = "export const handler = async (e) => { console.log('said'); return [e, process.version] }"
    unsettled = "export const handler = () => new Promise(() => {})"
    for runtime in NODES:
        answer = invoke(node({"index.mjs": source}, runtime=runtime), 5, LogType="Tail")
        assert answer.payload[0] == 5
        assert answer.payload[1].startswith(f"v{runtime[6:8]}.")
        assert re.search(rf"{TIME}\t{IDENTIFIER}\tINFO\tsaid", base64.b64decode(answer.tail).decode())
        assert invoke(node({"index.mjs": unsettled}, runtime=runtime)).payload["errorType"] == "Runtime.NodeJsExit"

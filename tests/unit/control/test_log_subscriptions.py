"""What becomes of log events that a function subscribes to."""

import asyncio
import base64
import gzip
import json
import random
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from in_process import RUNTIME, ControlPlane
from log_arrivals import GROUP, arrival
from sample_code import CODES, ROLE

from ingle.control.api.request import Request
from ingle.control.events.event_queue import Delivery, EventQueue
from ingle.control.events.log_subscriptions import LogSubscriptions
from ingle.control.logs.live_tails import LiveTails, Selection
from ingle.control.logs.log_store import Arrival, LogStore
from ingle.control.services.logs.metric_filters import MetricFilters
from ingle.iam import Principal
from ingle.telemetry import LogGroupSettings, SubscriptionFilter, parse_filter_pattern
from ingle.values import EVENT_LIMIT_BYTES, FunctionArn, SystemClock

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
SLOW = "%a.{900}b%"


class Recorder:
    """Takes events as the queue does."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def accept(self, arn: FunctionArn, request_id: str, delivery: Delivery) -> None:
        self.taken.append(delivery.payload)

    def messages(self) -> list[str]:
        """Return the messages that subscribers are told."""
        packed = [base64.b64decode(json.loads(one)["awslogs"]["data"]) for one in self.taken]
        return [event["message"] for one in packed for event in json.loads(gzip.decompress(one))["logEvents"]]


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    made = ControlPlane(tmp_path)
    create = {"Runtime": RUNTIME, "Role": ROLE, "Handler": "app.h", "Code": {"ZipFile": CODES[0]}}
    made.call("CreateFunction", FunctionName="f", **create)
    permission = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "logs.amazonaws.com"}
    made.call("AddPermission", FunctionName="f", **permission)
    yield made
    made.close()


def subscribed(*messages: str, pattern: str = "") -> Arrival:
    one = SubscriptionFilter(name="x", pattern=pattern, destination=ARN, distribution="ByLogStream", created_ms=0)
    settings = LogGroupSettings(subscription_filters={"x": one})
    return Arrival(key=GROUP, settings=settings, stream="s", events=arrival("s", *messages).events)


async def turns_during(work: Any) -> int:
    """Return how often others had their turn while something was done."""
    task = asyncio.ensure_future(work)
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    task.result()
    return turns


def test_an_event_too_large_for_a_function_is_left_out_and_the_others_reach_it(plane: ControlPlane) -> None:
    recorder = Recorder()
    subscriptions = LogSubscriptions(plane.repository, cast(EventQueue, recorder), SystemClock())
    large = "".join(random.Random(1).choices(string.ascii_letters + string.digits + "+/", k=1_040_000))
    asyncio.run(subscriptions.take(subscribed("before", large, "behind")))
    assert recorder.messages() == ["before", "behind"]
    assert max(map(len, recorder.taken)) <= EVENT_LIMIT_BYTES


def test_a_slow_pattern_holds_nobody_else_up(plane: ControlPlane) -> None:
    recorder = Recorder()
    subscriptions = LogSubscriptions(plane.repository, cast(EventQueue, recorder), SystemClock())
    message = "".join(random.Random(1).choices("ac", k=200_000))
    turns = asyncio.run(turns_during(subscriptions.take(subscribed(message, "ab", pattern=SLOW))))
    assert turns > 10


async def test_a_slow_pattern_of_a_live_tail_holds_nobody_else_up() -> None:
    tails = LiveTails()
    pattern = parse_filter_pattern(SLOW)
    matching = Selection(groups=(GROUP,), matches=lambda message: pattern.extract(message) is not None)
    session = tails.begin(matching)
    message = "".join(random.Random(1).choices("ac", k=200_000))
    assert await turns_during(tails.take(arrival("s", message, "a" * 901 + "b"))) > 10
    assert len(session.update()["sessionResults"]) == 1


async def test_a_slow_pattern_that_is_tried_holds_nobody_else_up() -> None:
    message = "".join(random.Random(1).choices("ac", k=200_000))
    root = Principal(arn="arn:aws:iam::000000000000:root", account="000000000000", is_root=True)
    wish = {"filterPattern": SLOW, "logEventMessages": [message, "a" * 901 + "b"]}
    request = Request(
        principal=root, action="logs:TestMetricFilter", account=root.account, region="us-east-1", input=wish
    )
    filters = MetricFilters(cast(LogStore, None), SystemClock())
    assert await turns_during(filters.test(request)) > 10
    assert [one["eventNumber"] for one in (await filters.test(request)).result["matches"]] == [2]

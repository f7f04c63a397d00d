"""What an environment lives through between and around its invocations: freezing, reset, an init begun anew."""

import concurrent.futures
import time
from typing import Any

from harness import FUNCTION_SCALE
from tests.system.test_logs import wait_for_events

COUNTER = """
import threading, time
ticks = 0
def count():
    global ticks
    while True:
        ticks += 1
        time.sleep(0.005)
threading.Thread(target=count, daemon=True).start()
def handler(event, context):
    if event:
        time.sleep(event)
    return ticks
"""


def test_nothing_makes_progress_between_invocations(deploy: Any, invoke: Any) -> None:
    name = deploy(COUNTER)
    invoke(name)
    before = invoke(name, 0.3).payload
    time.sleep(1.5)
    assert invoke(name).payload - before < 40  # 300 would be free running; it is frozen after some tens of milliseconds
    assert invoke(name, 0.3).payload - before >= 40  # and goes on as soon as it is wanted


def test_a_reset_loses_memory_and_keeps_tmp(deploy: Any, invoke: Any) -> None:
    source = """
import os, time
n = 0
def handler(event, context):
    global n
    n += 1
    with open("/tmp/kept", "a") as file:
        file.write("x")
    if event == "hang":
        time.sleep(30)
    if event == "die":
        os._exit(1)
    return [n, os.path.getsize("/tmp/kept"), os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]]
"""
    name = deploy(source, Timeout=1)
    n, size, stream = invoke(name).payload
    assert (n, size) == (1, 1)
    assert invoke(name, "hang").payload["errorType"] == "Sandbox.Timedout"
    assert invoke(name).payload == [1, 3, stream]
    assert invoke(name, "die").payload["errorType"] == "Runtime.ExitError"
    assert invoke(name).payload == [1, 5, stream]


def test_an_init_within_an_invocation_takes_of_its_time(deploy: Any, invoke: Any) -> None:
    source = """
import os, time
if os.path.exists("/tmp/again"):
    time.sleep(0.5)
open("/tmp/again", "w").close()
def handler(event, context):
    return os._exit(1) if event else context.get_remaining_time_in_millis()
"""
    name = deploy(source, Timeout=9)
    invoke(name, "die")
    assert 0 < invoke(name).payload <= 9_000 * FUNCTION_SCALE - 500


def test_what_a_reset_environment_left_running_is_gone(deploy: Any, invoke: Any) -> None:
    source = """
import os, subprocess, time
def handler(event, context):
    if event == "hang":
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
        time.sleep(30)
    return sorted(open(f"/proc/{pid}/comm").read() for pid in os.listdir("/proc") if pid.isdigit())
"""
    name = deploy(source, Timeout=1)
    before = invoke(name).payload
    invoke(name, "hang")
    assert invoke(name).payload == before


def test_an_init_over_ten_seconds_is_begun_anew_by_the_first_invocation(deploy: Any, invoke: Any, logs: Any) -> None:
    source = """
import os, time
if not os.path.exists("/tmp/once"):
    open("/tmp/once", "w").close()
    time.sleep(11)
def handler(event, context):
    return "served"
"""
    name = deploy(source, Timeout=5)
    assert invoke(name).payload == "served"
    lines = [event["message"] for event in wait_for_events(logs, f"/aws/lambda/{name}", 5)]
    assert any("Phase: init\tStatus: timeout" in line for line in lines)


def test_two_environments_of_one_zygote_draw_different_random_numbers(deploy: Any, invoke: Any) -> None:
    source = """
import os, random, ssl, tempfile, time, uuid
def handler(event, context):
    time.sleep(0.3)
    made = tempfile.mktemp()
    return [random.random(), random.SystemRandom().random(), os.urandom(8).hex(), ssl.RAND_bytes(8).hex(),
            str(uuid.uuid1()), str(uuid.uuid4()), made]
"""
    name = deploy(source)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = [one.payload for one in pool.map(lambda _: invoke(name), range(4))]
    for drawn in zip(*answers, strict=True):
        assert len(set(drawn)) == 4, drawn

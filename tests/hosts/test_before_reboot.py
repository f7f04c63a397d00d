"""What a reboot meets: an enabled unit, and events that are acknowledged and have not run yet."""

import json

from tests.hosts.installation import install, installed, systemctl

LINES = 20
SOURCE = """
import time

def handler(event, context):
    print("line", event["line"])
    time.sleep(5)
"""
"""One at a time takes a minute and a half for all: the reboot comes long before."""


def test_events_are_queued_in_an_enabled_unit() -> None:
    install()
    systemctl("enable", "--now", "ingle.service")
    ingle = installed()
    ingle.deploy("queued", {"app.py": SOURCE}, Timeout=60)
    client = ingle.client()
    client.put_function_concurrency(FunctionName="queued", ReservedConcurrentExecutions=1)
    for line in range(LINES):
        payload = json.dumps({"line": line}).encode()
        assert client.invoke(FunctionName="queued", InvocationType="Event", Payload=payload)["StatusCode"] == 202

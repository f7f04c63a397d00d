"""What a reboot meets: an enabled unit, and events that are acknowledged and cannot run yet."""

import json

from tests.hosts.installation import SOURCE, install, installed, systemctl

LINES = 20


def test_events_are_queued_in_an_enabled_unit() -> None:
    install()
    systemctl("enable", "--now", "ingle.service")
    ingle = installed()
    ingle.deploy("queued", {"app.py": SOURCE})
    client = ingle.client()
    client.put_function_concurrency(FunctionName="queued", ReservedConcurrentExecutions=0)
    for line in range(LINES):
        payload = json.dumps({"line": line}).encode()
        assert client.invoke(FunctionName="queued", InvocationType="Event", Payload=payload)["StatusCode"] == 202

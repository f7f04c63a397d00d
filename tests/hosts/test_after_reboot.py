"""What is there after a reboot: the unit serves by itself, in the same isolation, and the queued events run."""

import time
from pathlib import Path

from botocore.exceptions import ClientError
from tests.hosts.installation import installed, journal, state, systemctl, wait_for
from tests.hosts.test_before_reboot import LINES


def test_the_unit_serves_by_itself_in_the_same_isolation() -> None:
    wait_for(lambda: state("ActiveState") == "active", "the unit after a reboot")
    assert installed().is_healthy()
    assert "sandbox (" in journal()


def test_every_queued_event_runs() -> None:
    logs = installed().client("logs")

    def lines() -> dict[str, int]:
        """Return each line, and when it was logged last."""
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/queued")
            found = [(event["message"].strip(), event["timestamp"]) for page in pages for event in page["events"]]
        except ClientError:  # no group before the first line
            return {}
        return {message: at_ms for message, at_ms in sorted(found, key=lambda one: one[1]) if message[:5] == "line "}

    wait_for(lambda: set(lines()) == {f"line {line}" for line in range(LINES)}, "every event's line", seconds=60)
    booted_ms = (time.time() - float(Path("/proc/uptime").read_text().split()[0])) * 1000
    assert max(lines().values()) > booted_ms, "every event had run before the reboot"
    systemctl("disable", "--now", "ingle.service")

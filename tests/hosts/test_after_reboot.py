"""What is there after a reboot: the unit serves by itself, in the same isolation, and the queued events run."""

from botocore.exceptions import ClientError
from tests.hosts.installation import installed, journal, state, systemctl, wait_for
from tests.hosts.test_before_reboot import LINES


def test_the_unit_serves_by_itself_in_the_same_isolation() -> None:
    wait_for(lambda: state("ActiveState") == "active", "the unit after a reboot")
    assert installed().is_healthy()
    assert "sandbox (" in journal()


def test_every_queued_event_runs() -> None:
    ingle = installed()
    ingle.client().delete_function_concurrency(FunctionName="queued")
    logs = ingle.client("logs")

    def lines() -> set[str]:
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/queued")
            found = [event["message"].strip() for page in pages for event in page["events"]]
        except ClientError:  # no group before the first line
            return set()
        return {message for message in found if message.startswith("line ")}

    wait_for(lambda: lines() == {f"line {line}" for line in range(LINES)}, "every event's line", seconds=60)
    systemctl("disable", "--now", "ingle.service")

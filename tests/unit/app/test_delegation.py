"""Where environments' control groups live, as decided from /proc/self/cgroup and what is delegated."""

import pytest

from ingle.app.supervision.delegation import choose_group, own_group

UNIT = "/system.slice/ingle.service"


@pytest.mark.parametrize(
    ("told", "group"),
    [
        (f"0::{UNIT}\n", UNIT),
        ("0::/\n", "/"),
        ("0::/user.slice/user-0.slice/session-1.scope\n", "/user.slice/user-0.slice/session-1.scope"),
        (f"5:name=ingle:/\n0::{UNIT}\n", UNIT),  # the spawner's hierarchy stands in every process's list
        ("12:memory:/x\n", None),
        ("0::/../../elsewhere\n", None),  # outside of what this namespace sees
        ("0::/system.slice/gone.service (deleted)\n", None),
        ("", None),
    ],
)
def test_the_group_of_a_process_is_read_from_what_the_kernel_tells(told: str, group: str | None) -> None:
    assert own_group(told) == group


@pytest.mark.parametrize(
    ("group", "delegated", "chosen"),
    [
        (UNIT, {UNIT}, UNIT),
        (f"{UNIT}/supervisor", {UNIT}, UNIT),
        (f"{UNIT}/other", {UNIT}, None),
        (UNIT, set(), None),
        ("/", {"/"}, "/"),  # a container with a cgroup namespace of its own
        ("/user.slice/user-0.slice/session-1.scope", set(), None),
    ],
)
def test_a_process_divides_what_is_delegated_to_it(group: str, delegated: set[str], chosen: str | None) -> None:
    assert choose_group(group, delegated.__contains__) == chosen


def test_what_is_delegated_to_a_users_systemd_is_not_ours() -> None:
    manager = "/user.slice/user-1000.slice/user@1000.service"
    assert choose_group(f"{manager}/app.slice/run-1.scope", {manager}.__contains__) is None
    assert choose_group(f"{manager}/app.slice/run-1.scope", {f"{manager}/app.slice/run-1.scope"}.__contains__)

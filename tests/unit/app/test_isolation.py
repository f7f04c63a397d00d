"""Which driver holds functions: never a weaker one in silence."""

import json
from pathlib import Path

import pytest

from ingle.app.commands.remedies import cgroups_remedy, module_remedy, namespaces_remedy
from ingle.app.config import ConfigurationError, prepare_data_dir
from ingle.app.supervision.isolation import Host, Isolation, Lack, decide_isolation, isolation_before, keep_isolation

NO_CGROUPS = Lack("cgroups", "none", "mount cgroup2")
ROOT, USER = Host(is_root=True, lacks=[]), Host(is_root=False, lacks=[])


def decide(wanted: str, host: Host, before: str | None = None, *, insecure: bool = False) -> Isolation:
    return decide_isolation(wanted, host, insecure=insecure, before=before)


@pytest.mark.parametrize("before", [None, "sandbox", "sandbox-rootless", "process"])
def test_root_gets_the_sandbox_whatever_was_before(before: str | None) -> None:
    for wanted in ("auto", "sandbox"):
        assert decide(wanted, ROOT, before).driver == "sandbox"


def test_root_that_lacks_something_gets_reason_and_remedy_and_never_less() -> None:
    for wanted in ("auto", "sandbox"):
        with pytest.raises(ConfigurationError, match=r"cgroups: none.*mount cgroup2"):
            decide(wanted, Host(is_root=True, lacks=[NO_CGROUPS]))


def test_root_never_runs_functions_as_itself() -> None:
    with pytest.raises(ConfigurationError, match="ordinary user"):
        decide("sandbox-rootless", ROOT)


def test_a_host_without_erofs_isolates_as_strongly() -> None:
    decided = decide("auto", Host(is_root=True, lacks=[], unpacks_because="No such device"))
    assert (decided.driver, decided.unpacks) == ("sandbox", True)
    assert "No such device" in decided.why


def test_an_ordinary_user_gets_the_rootless_sandbox_or_nothing() -> None:
    assert decide("auto", USER).driver == "sandbox-rootless"
    assert decide("sandbox-rootless", USER).driver == "sandbox-rootless"
    with pytest.raises(ConfigurationError, match="needs root"):
        decide("sandbox", USER)
    with pytest.raises(ConfigurationError, match=r"user namespace: EPERM.*sysctl"):
        decide("auto", Host(is_root=False, lacks=[Lack("user namespace", "EPERM", "sysctl -w x")]))


def test_less_than_before_has_to_be_asked_for_by_name() -> None:
    with pytest.raises(ConfigurationError, match="--isolation sandbox-rootless"):
        decide("auto", USER, "sandbox")
    assert decide("sandbox-rootless", USER, "sandbox").driver == "sandbox-rootless"
    assert decide("auto", USER, "process").driver == "sandbox-rootless"


def test_no_isolation_takes_two_words() -> None:
    with pytest.raises(ConfigurationError, match="--insecure"):
        decide("process", ROOT)
    assert decide("process", ROOT, "sandbox", insecure=True).driver == "process"


def test_an_installation_remembers_its_isolation(tmp_path: Path) -> None:
    assert isolation_before(tmp_path) is None
    prepare_data_dir(tmp_path, "123456789012")
    assert isolation_before(tmp_path) is None
    keep_isolation(tmp_path, "sandbox")
    assert isolation_before(tmp_path) == "sandbox"
    assert prepare_data_dir(tmp_path, None).account == "123456789012"
    assert json.loads((tmp_path / "installation.json").read_text())["isolation"] == "sandbox"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
    ],
)
def test_a_remedy_names_the_setting_that_this_kernel_has(tmp_path: Path, name: str, value: str, told: str) -> None:
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(f"{value}\n")
    remedy = namespaces_remedy(is_root=False, system=tmp_path)
    assert f"sysctl -w {told};" in remedy
    assert "/etc/sysctl.d/" in remedy
    (tmp_path / name).write_text("5\n")
    assert "sysctl" not in namespaces_remedy(is_root=False, system=tmp_path)


def test_a_module_is_loaded_at_each_boot() -> None:
    assert module_remedy(["erofs"], is_root=False).startswith("as root: modprobe -a erofs; to keep it")
    assert "/etc/modules-load.d/" in module_remedy(["erofs"], is_root=True)


def test_limits_are_below_what_is_delegated_and_root_has_them_everywhere() -> None:
    unit = "/sys/fs/cgroup/system.slice/ingle.service"
    for host, driver in ((Host(is_root=True, lacks=[], delegated=unit), "sandbox"),
                         (Host(is_root=False, lacks=[], delegated=unit), "sandbox-rootless")):  # fmt: skip
        decided = decide("auto", host)
        assert (decided.driver, decided.groups, decided.is_delegated) == (driver, unit, True)
        assert "system.slice/ingle.service" in decided.why
    assert (decide("auto", ROOT).groups, decide("auto", ROOT).is_delegated) == ("/sys/fs/cgroup", False)


def test_an_ordinary_user_to_whom_nothing_is_delegated_is_told_that_memory_has_no_limit() -> None:
    decided = decide("auto", USER)
    assert decided.groups == ""
    assert "memory limits are not enforced" in decided.why


def test_what_protects_control_groups_is_named() -> None:
    assert "ProtectControlGroups" in cgroups_remedy(is_root=True, is_read_only=True)
    assert "ProtectControlGroups" not in cgroups_remedy(is_root=True)

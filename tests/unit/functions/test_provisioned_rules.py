"""The rules on provisioned concurrency that need no running function (API reference, section 9)."""

import msgspec
import pytest
from sample_functions import published

from ingle.functions import Alias, AliasProvisionedError, InvalidSettingError, VersionProvisionedError

LIVE = Alias(name="live", function_version="1")


def test_an_alias_that_gets_weights_divides_its_units_and_one_that_is_deleted_takes_them_along() -> None:
    held = published(2).with_alias(LIVE).with_provisioned("live", 10, 0)
    assert held.provisioned_versions() == {"1": 10}
    weighted = held.with_alias(msgspec.structs.replace(LIVE, weights={"2": 0.3}))
    assert weighted.provisioned_versions() == {"1": 7, "2": 3}
    assert weighted.claimed_concurrency == 10
    gone = weighted.without_alias("live")
    assert (gone.provisioned_versions(), gone.with_alias(LIVE).provisioned_versions()) == ({}, {})


def test_a_version_is_provisioned_by_its_number_or_by_an_alias_never_by_both() -> None:
    held = published(2).with_alias(LIVE).with_provisioned("2", 1, 0)
    with pytest.raises(AliasProvisionedError):
        held.with_provisioned("live", 1, 0).with_provisioned("1", 1, 0)
    with pytest.raises(VersionProvisionedError):
        held.with_provisioned("live", 1, 0).with_alias(Alias(name="live", function_version="2"))
    assert held.without_version("2").provisioned == {}


def test_what_is_initialised_in_another_way_or_kept_apart_is_not_provisioned() -> None:
    held = published(1)
    with pytest.raises(InvalidSettingError, match="tenant isolation"):
        msgspec.structs.replace(held, tenant_isolation_mode="PER_TENANT").with_provisioned("1", 1, 0)
    with pytest.raises(InvalidSettingError, match="SnapStart"):
        held.with_version(held.versions["1"].replace(snap_start=True)).with_provisioned("1", 1, 0)


def test_what_is_reserved_bounds_the_sum_over_all_qualifiers() -> None:
    held = msgspec.structs.replace(published(2), reserved_concurrency=3).with_provisioned("1", 2, 0)
    assert held.with_provisioned("2", 1, 0).claimed_concurrency == 3
    with pytest.raises(InvalidSettingError, match="reservedConcurrentExecution"):
        held.with_provisioned("2", 2, 0)

"""What the gateway counts, as Prometheus's own parser reads it, and what counting costs."""

import re
import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from ingle.environments import VersionKey
from ingle.gateway.metrics import FunctionMetrics, Metrics, WorkerFacts
from ingle.links.gateway_worker import EnvironmentReport, EnvironmentStarted, PoolLevel
from ingle.protocol import AwsError
from ingle.queues import QueueStatistics
from ingle.telemetry import DiskReport, Histogram, LogStatistics

KEY = VersionKey(account="000000000000", region="us-east-1", function="f", version="$LATEST", revision="r")
OF_F = {"region": "us-east-1", "function": "f"}
NOTHING = WorkerFacts()
ROOT = Path(__file__).resolve().parents[3]


def report(state: str, *, version: str = "1", memory_bytes: int | None = 1000) -> EnvironmentReport:
    return EnvironmentReport(
        id="a", region="us-east-1", function="f", version=version, state=state, memory_bytes=memory_bytes, cpu_us=None,
        age_s=1.0, invocations=1,
    )  # fmt: skip


def samples(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(text.decode())
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(text: bytes, name: str, **labels: str) -> float:
    return samples(text)[name, frozenset(labels.items())]


def test_a_duration_counts_into_the_bucket_whose_bound_it_does_not_pass() -> None:
    histogram = Histogram((0.001, 0.5))
    for duration_ns in (0, 1_000_000, 1_000_001, 500_000_000, 500_000_001):
        histogram.observe_ns(duration_ns)
    assert histogram.cumulative() == [("0.001", 2), ("0.5", 4), ("+Inf", 5)]
    assert histogram.sum_ns == 1_002_000_002


def test_cold_starts_and_their_inits_are_counted_by_function() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.environment_started(KEY, EnvironmentStarted(environment_id="a", init_failed=False, init_ns=2_000_000))
    text = metrics.render(NOTHING)
    assert value(text, "ingle_cold_starts_total", **OF_F) == 3
    assert value(text, "ingle_environment_init_seconds_bucket", le="0.001", **OF_F) == 0
    assert value(text, "ingle_environment_init_seconds_bucket", le="0.0025", **OF_F) == 3
    assert value(text, "ingle_environment_init_seconds_sum", **OF_F) == 0.006


def test_throttles_are_counted_by_reason_and_other_errors_are_none() -> None:
    metrics = Metrics()
    for reason in ("ConcurrentInvocationLimitExceeded", "CallerRateLimitExceeded", "CallerRateLimitExceeded"):
        metrics.refused(AwsError("TooManyRequestsException", "Rate Exceeded.", Reason=reason))
    metrics.refused(AwsError("ResourceNotFoundException", "gone"))
    text = metrics.render(NOTHING)
    assert value(text, "ingle_throttles_total", reason="CallerRateLimitExceeded") == 2
    assert sum(count for (name, _), count in samples(text).items() if name == "ingle_throttles_total") == 3


def test_environments_are_shown_by_version_and_state_and_pools_by_runtime() -> None:
    facts = WorkerFacts(
        is_up=True,
        environments=[report("idle"), report("idle"), report("busy"), report("idle", version="2", memory_bytes=None)],
        pools=[PoolLevel(runtime="python3.11", ready=7, wanted=8)],
    )
    text = Metrics().render(facts)
    assert value(text, "ingle_environments", version="1", state="idle", **OF_F) == 2
    assert value(text, "ingle_environments", version="1", state="busy", **OF_F) == 1
    assert value(text, "ingle_environment_memory_bytes", version="1", **OF_F) == 3000
    assert value(text, "ingle_environment_memory_bytes", version="2", **OF_F) == 0
    assert value(text, "ingle_blank_environments", runtime="python3.11", level="ready") == 7
    assert value(text, "ingle_worker_up") == 1
    assert value(Metrics().render(NOTHING), "ingle_worker_up") == 0


def test_a_function_that_is_gone_is_counted_no_more() -> None:
    metrics = Metrics()
    metrics.of("us-east-1", "f").function_errors += 1
    assert value(metrics.render(NOTHING), "ingle_invocation_errors_total", fault="function", **OF_F) == 1
    metrics.forget("us-east-1", "f")
    assert b'function="f"' not in metrics.render(NOTHING)
    assert isinstance(metrics.of("us-east-1", "f"), FunctionMetrics)


def test_counting_an_invocation_costs_a_few_microseconds_at_most() -> None:
    metrics = Metrics()

    def once() -> None:
        counted = metrics.of("us-east-1", "f")
        began_ns = time.monotonic_ns()
        counted.invoke.observe_ns(time.monotonic_ns() - began_ns)

    costs = []
    for _ in range(20):
        began_ns = time.perf_counter_ns()
        for _ in range(1000):
            once()
        costs.append((time.perf_counter_ns() - began_ns) / 1000)
    assert min(costs) < 3000


def names_in(text: str) -> set[str]:
    """Return the metrics that a text names, without what a histogram adds to its name."""
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"\bingle_[a-z_]+", text)}


def test_the_dashboard_and_the_manual_name_every_metric_and_no_other() -> None:
    metrics = Metrics("sandbox")
    metrics.of("us-east-1", "f").url_answers[2] += 1
    metrics.refused(AwsError("TooManyRequestsException", "Rate Exceeded.", Reason="x"))
    facts = WorkerFacts(
        is_up=True, environments=[report("idle")], pools=[PoolLevel(runtime="python3.11", ready=1, wanted=1)]
    )
    queue = QueueStatistics(depth=1, oldest_ms=1, accepted=1, dropped={"x": 1}, reported=1, unreported=1)
    logs = LogStatistics(groups=1, stored_bytes=1, damaged=0)
    disk = DiskReport(place="/", free_bytes=1, total_bytes=2)
    text = metrics.render(facts, queue, logs, disk).decode()
    told = {re.sub(r"_created$", "_total", one) for one in names_in(re.sub(r"(?m)^#.*\n", "", text))}
    pages = ROOT / "docs" / "how-to"
    assert names_in((pages / "observe.md").read_text()) == told
    assert names_in((pages / "grafana-dashboard.json").read_text()) == told - {"ingle_isolation_info"}

"""What the gateway counts, and how Prometheus reads it.

An invocation touches integers alone; names, labels and text are made when somebody asks (Prometheus exposition format).
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from ingle.environments import VersionKey
from ingle.links.gateway_worker import EnvironmentReport, EnvironmentStarted, PoolLevel
from ingle.protocol import AwsError
from ingle.queues import QueueStatistics
from ingle.telemetry import INIT_SECONDS, INVOKE_SECONDS, DiskReport, Histogram, LogStatistics

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()
_FUNCTION = ("region", "function")


class FunctionMetrics:
    """What is counted of one function; a service's error is Ingle's own, with a status of 500 or above."""

    __slots__ = ("cold_starts", "function_errors", "init", "invoke", "service_errors", "url_answers")

    def __init__(self) -> None:
        self.cold_starts = 0
        self.function_errors = 0
        self.service_errors = 0
        self.url_answers = [0] * 6
        """Of requests to its URLs, by the first digit of their status."""
        self.init = Histogram(INIT_SECONDS)
        self.invoke = Histogram(INVOKE_SECONDS)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
    """What the worker told when it was asked; None of it where it can't be reached."""

    is_up: bool = False
    environments: Sequence[EnvironmentReport] = ()
    pools: Sequence[PoolLevel] = ()


class Metrics:
    """The counters of a gateway since its start."""

    def __init__(self, isolation: str = "") -> None:
        self.isolation = isolation
        """The driver that holds functions."""
        self._functions: dict[tuple[str, str], FunctionMetrics] = {}
        self._throttles: Counter[str] = Counter()

    def of(self, region: str, function: str) -> FunctionMetrics:
        """Return the counters of a function, which exists: strangers must not make us count by their names."""
        found = self._functions.get((region, function))
        if found is None:
            found = self._functions[region, function] = FunctionMetrics()
        return found

    def environment_started(self, key: VersionKey, started: EnvironmentStarted) -> None:
        """Count a cold start."""
        counted = self.of(key.region, key.function)
        counted.cold_starts += 1
        counted.init.observe_ns(started.init_ns)

    def refused(self, error: AwsError) -> None:
        """Count an invocation that was answered with an error, where that is a throttle."""
        if error.status == 429:
            self._throttles[error.fields.get("Reason", "")] += 1

    def forget(self, region: str, function: str) -> None:
        """Drop the counters of a function that is gone."""
        self._functions.pop((region, function), None)

    def render(
        self,
        worker: WorkerFacts,
        queue: QueueStatistics | None = None,
        logs: LogStatistics | None = None,
        disk: DiskReport | None = None,
    ) -> bytes:
        """Return everything in the text format; control tells of queued events, of logs and of its disk."""
        told = _Exposition(self._functions, self._throttles, worker, queue, logs, disk, self.isolation)
        return generate_latest(told)


class _Exposition(Collector):
    def __init__(
        self,
        functions: dict[tuple[str, str], FunctionMetrics],
        throttles: Counter[str],
        worker: WorkerFacts,
        queue: QueueStatistics | None,
        logs: LogStatistics | None,
        disk: DiskReport | None,
        isolation: str,
    ) -> None:
        self._isolation = isolation
        self._functions = functions
        self._throttles = throttles
        self._worker = worker
        self._queue = queue
        self._logs = logs
        self._disk = disk

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("ingle_isolation", "What holds functions.", {"driver": self._isolation})
        yield from self._of_functions()
        throttles = CounterMetricFamily("ingle_throttles", "Invocations answered with 429.", labels=["reason"])
        for reason, count in self._throttles.items():
            throttles.add_metric([reason], count)
        yield throttles
        yield from self._of_worker()
        if self._queue is not None:
            yield from _of_queue(self._queue)
        if self._logs is not None:
            yield from _of_logs(self._logs)
        if self._disk is not None:
            yield GaugeMetricFamily("ingle_disk_free_bytes", "Room on the data disk.", value=self._disk.free_bytes)
            yield GaugeMetricFamily("ingle_disk_total_bytes", "Size of the data disk.", value=self._disk.total_bytes)

    def _of_functions(self) -> Iterator[Metric]:
        cold = CounterMetricFamily("ingle_cold_starts", "Environments started.", labels=_FUNCTION)
        errors = CounterMetricFamily(
            "ingle_invocation_errors", "Invocations that failed, by whose error it is.", labels=[*_FUNCTION, "fault"]
        )
        init = HistogramMetricFamily("ingle_environment_init_seconds", "Init of an environment.", labels=_FUNCTION)
        invoke = HistogramMetricFamily(
            "ingle_invocation_seconds", "From admission to the answer, cold starts included.", labels=_FUNCTION
        )
        urls = CounterMetricFamily("ingle_url_requests", "Requests to function URLs.", labels=[*_FUNCTION, "status"])
        for name, counted in self._functions.items():
            cold.add_metric(name, counted.cold_starts)
            errors.add_metric([*name, "function"], counted.function_errors)
            errors.add_metric([*name, "service"], counted.service_errors)
            init.add_metric(name, counted.init.cumulative(), counted.init.sum_ns / 1e9)
            invoke.add_metric(name, counted.invoke.cumulative(), counted.invoke.sum_ns / 1e9)
            for digit, count in enumerate(counted.url_answers):
                if count:
                    urls.add_metric([*name, f"{digit}xx"], count)
        yield from (cold, errors, init, invoke, urls)

    def _of_worker(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("ingle_worker_up", "Whether the worker answers.", value=int(self._worker.is_up))
        environments = GaugeMetricFamily(
            "ingle_environments", "Environments by version and state.", labels=[*_FUNCTION, "version", "state"]
        )
        memory = GaugeMetricFamily(
            "ingle_environment_memory_bytes", "Memory of a version's environments.", labels=[*_FUNCTION, "version"]
        )
        states = Counter((one.region, one.function, one.version, one.state) for one in self._worker.environments)
        for labels, count in states.items():
            environments.add_metric(labels, count)
        used: Counter[tuple[str, str, str]] = Counter()
        for one in self._worker.environments:
            used[one.region, one.function, one.version] += one.memory_bytes or 0
        for version, size in used.items():
            memory.add_metric(version, size)
        yield from (environments, memory)
        pools = GaugeMetricFamily("ingle_blank_environments", "Blank pools.", labels=["runtime", "level"])
        for pool in self._worker.pools:
            pools.add_metric([pool.runtime, "ready"], pool.ready)
            pools.add_metric([pool.runtime, "wanted"], pool.wanted)
        yield pools


def _of_logs(logs: LogStatistics) -> Iterator[Metric]:
    yield GaugeMetricFamily("ingle_log_groups", "Log groups.", value=logs.groups)
    yield GaugeMetricFamily("ingle_log_bytes", "What they have on disk.", value=logs.stored_bytes)
    yield CounterMetricFamily("ingle_log_damage", "Places in files of logs that could not be read.", value=logs.damaged)


def _of_queue(queue: QueueStatistics) -> Iterator[Metric]:
    yield GaugeMetricFamily("ingle_events_queued", "Asynchronous events that wait or run.", value=queue.depth)
    age_s = max(0.0, time.time() - queue.oldest_ms / 1000) if queue.oldest_ms is not None else 0.0
    yield GaugeMetricFamily("ingle_events_oldest_seconds", "The age of the oldest of them.", value=age_s)
    yield CounterMetricFamily("ingle_events_accepted", "Events accepted.", value=queue.accepted)
    dropped = CounterMetricFamily("ingle_events_dropped", "Events given up.", labels=["condition"])
    for condition, count in queue.dropped.items():
        dropped.add_metric([condition], count)
    yield dropped
    yield CounterMetricFamily("ingle_event_records_sent", "Records given to destinations.", value=queue.reported)
    yield CounterMetricFamily("ingle_event_records_lost", "Records that no destination got.", value=queue.unreported)

"""Control's program."""

import asyncio
from pathlib import Path

import structlog

from ingle.artifacts import CollectionPlan, FileChunks
from ingle.control.api.call_rate import CallRate
from ingle.control.code.code_bucket import CodeBucket
from ingle.control.code.code_store import CodeStore
from ingle.control.code.downloads import Downloads
from ingle.control.code.optimiser import Optimiser
from ingle.control.code.superseded import SupersededCode
from ingle.control.config import ControlSettings
from ingle.control.databases import open_databases
from ingle.control.doors.front import CREATE_LIMIT_BYTES, Front, intake_limit_bytes
from ingle.control.doors.gateway_door import GatewayDesk
from ingle.control.doors.worker_door import WorkerDesk
from ingle.control.events.dispatcher import Dispatcher
from ingle.control.events.event_queue import EventQueue
from ingle.control.events.log_subscriptions import LogSubscriptions
from ingle.control.identity.credentials import load_root_credentials
from ingle.control.identity.identities import Identities
from ingle.control.identity.role_sessions import RoleSessions
from ingle.control.logs.live_tails import LiveTails
from ingle.control.logs.log_store import LogStore
from ingle.control.root_key import open_root_key
from ingle.control.routes.publisher import Publisher
from ingle.control.routes.snap_starts import SnapStarts
from ingle.control.services.lambda_ import (
    AccountSettings,
    Aliases,
    CodeSigning,
    CodeSigningConfigs,
    Concurrency,
    EventInvokeConfigs,
    EventSources,
    Functions,
    FunctionUrls,
    FunctionViews,
    LayerPermissions,
    Layers,
    Permissions,
    ProvisionedConcurrency,
    RecursionConfigs,
    RuntimeManagementConfigs,
    TaggableFunctions,
    Tags,
    Uploads,
)
from ingle.control.services.logs import (
    LiveTail,
    LogEvents,
    LogGroups,
    LogStreams,
    LogTags,
    MetricFilters,
    SubscriptionFilters,
)
from ingle.keys import Keyring
from ingle.links import gateway_control, worker_control
from ingle.links.endpoint import Endpoint
from ingle.store import (
    CodeSigningRepository,
    EventRepository,
    EventSourceRepository,
    FunctionRepository,
    LayerRepository,
    LogGroupRepository,
    SessionKeyRepository,
)
from ingle.transport import Intake, Lifeline, ServerLimits, serve_http, unix_listener
from ingle.values import SystemClock

_log = structlog.get_logger("ingle.control")


async def serve_control(settings: ControlSettings, lifeline: Lifeline) -> None:
    """Run control until it is told to stop; then let what is in flight finish."""
    data_dir, run_dir = Path(settings.data_dir), Path(settings.run_dir)
    clock = SystemClock()
    is_new = not (data_dir / "metadata.sqlite").exists()
    keyring = Keyring(open_root_key(data_dir))
    root = load_root_credentials(data_dir / "credentials.json", settings.account, is_new=is_new)
    database, queue = open_databases(data_dir, settings.installation)
    repository = FunctionRepository(database)
    code = CodeStore(keyring, FileChunks(data_dir / "chunks"))
    gateway = gateway_control.GatewayClient(
        Endpoint(address=str(run_dir / "gateway.sock"), token=settings.links.gateway)
    )
    layers = LayerRepository(database)
    now_ms = clock.now_ms()
    plan = await asyncio.to_thread(code.collect, list(repository.every()), list(layers.every()), now_ms)
    if plan != CollectionPlan():
        counts = {"set_aside": len(plan.set_aside), "taken_back": len(plan.take_back), "deleted": len(plan.delete)}
        _log.warning("artifacts.collected", **counts)
    publisher = Publisher(repository, gateway, gateway)
    superseded = SupersededCode(repository, code, clock)
    optimiser = Optimiser(repository, code, publisher, superseded)
    log_store = LogStore(LogGroupRepository(database), keyring, data_dir / "logs", clock)
    events = EventQueue(EventRepository(queue), keyring, clock)
    uploads = Uploads(CodeBucket(settings.s3_endpoint) if settings.s3_endpoint else None)
    downloads = Downloads(keyring, repository, layers, code, clock)
    signing_configs = CodeSigningRepository(database)
    signing = CodeSigning(signing_configs, clock)
    code_signing = CodeSigningConfigs(signing_configs, repository, signing, clock)
    functions = Functions(
        repository, layers, code, optimiser, publisher, events, uploads, signing, clock, settings.runtimes
    )
    concurrency = Concurrency(repository, publisher, settings.concurrency_limit)
    event_sources = EventSources(EventSourceRepository(database), repository, clock)
    resources = (
        functions,
        FunctionViews(repository, code, downloads, settings.runtimes),
        AccountSettings(repository, layers, settings.concurrency_limit),
        concurrency,
        Aliases(repository, publisher),
        FunctionUrls(repository, publisher, clock, settings.urls),
        Layers(layers, code, uploads, downloads, clock),
        EventInvokeConfigs(repository, clock),
        RecursionConfigs(repository),
        Permissions(repository, publisher),
        ProvisionedConcurrency(repository, publisher, clock, settings.concurrency_limit),
        LayerPermissions(layers),
        RuntimeManagementConfigs(repository),
        event_sources,
        code_signing,
        Tags(
            {
                "function": TaggableFunctions(repository, publisher),
                "event-source-mapping": event_sources,
                "code-signing-config": code_signing,
            }
        ),
    )
    subscriptions = LogSubscriptions(repository, events, clock)
    tails = LiveTails()
    log_store.followers += (subscriptions, tails)
    log_resources = (
        LogGroups(log_store),
        LogStreams(log_store),
        LogEvents(log_store, clock),
        LogTags(log_store),
        MetricFilters(log_store, clock),
        SubscriptionFilters(log_store, subscriptions, clock),
        LiveTail(log_store, tails),
    )
    handlers = {  # of each operation that Ingle has; every other one answers 501
        "lambda": {name: handler for one in resources for name, handler in one.handlers().items()},
        "logs": {name: handler for one in log_resources for name, handler in one.handlers().items()},
    }
    sessions = RoleSessions(SessionKeyRepository(database), keyring, clock)
    identities = Identities(root, sessions)
    rate = CallRate(settings.call_rate) if settings.call_rate is not None else None
    intake = Intake(intake_limit_bytes())
    front = Front(root.account_id, identities, clock, handlers, downloads, settings.https_port, rate, intake)
    limits = ServerLimits(body_bytes=CREATE_LIMIT_BYTES)
    gateway_desk = GatewayDesk(identities, repository, publisher, events, log_store, data_dir)
    gateway_link = gateway_control.ControlDoor(settings.links.control_gateway, gateway_desk)
    snap_starts = SnapStarts(repository, publisher)
    worker_link = worker_control.ControlDoor(
        settings.links.control_worker, WorkerDesk(publisher, code, sessions, log_store, snap_starts, clock)
    )
    servers = [
        await serve_http(front, unix_listener(run_dir / "control.sock"), limits=limits),
        await serve_http(gateway_link, unix_listener(run_dir / "control-gateway.sock")),
        await serve_http(worker_link, unix_listener(run_dir / "control-worker.sock")),
    ]
    optimiser.resume()
    superseded.resume()
    refreshing = asyncio.create_task(publisher.refresh())
    dispatcher = Dispatcher(events, repository, gateway, clock, settings.concurrency_limit, settings.event_retry_s)
    dispatching = asyncio.create_task(dispatcher.run())
    expiring = asyncio.create_task(log_store.expire())
    lifeline.ready()
    await lifeline.stopped.wait()
    tails.close()
    await asyncio.gather(*(server.drain(30.0) for server in servers))
    dispatching.cancel()
    expiring.cancel()
    await asyncio.gather(refreshing, optimiser.close(), dispatching, expiring, return_exceptions=True)
    await superseded.close()
    await events.close()
    database.close()

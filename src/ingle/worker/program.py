"""The worker's program: connects to the spawner, opens its door, and ends what runs when it is told to stop."""

import asyncio
import contextlib
from pathlib import Path

from ingle.links.gateway_worker import WorkerDoor
from ingle.links.worker_control import ControlClient, Endpoint
from ingle.transport import Lifeline, serve_http, unix_listener
from ingle.worker.apis.role_credentials import ContainerCredentials
from ingle.worker.config import WorkerSettings
from ingle.worker.door import Agent
from ingle.worker.drivers import Driver, ProcessDriver, SandboxDriver, SpawnError
from ingle.worker.host.births import Births
from ingle.worker.host.environments import Environments
from ingle.worker.host.loader import Loader
from ingle.worker.journal.log_shipping import LogShipper
from ingle.worker.templates.templates import Reports

_CONNECT_AGAIN_S = 0.02


def _make_driver(settings: WorkerSettings) -> Driver:
    if settings.driver == "process":
        return ProcessDriver(Path(settings.packages_dir), insecure=settings.insecure)
    return SandboxDriver(Path(settings.run_dir) / "spawner.sock")


async def _keep_driver(driver: Driver, environments: Environments, loader: Loader) -> None:
    """Reconnect to a spawner that was restarted; everything that ran under the old one is gone."""
    while True:
        await driver.lost.wait()
        environments.void_templates()
        loader.forget_all()
        try:
            await driver.start()
            environments.renew_templates()
        except SpawnError:
            await asyncio.sleep(0.05)


async def _connect(driver: Driver) -> None:
    """Wait for the spawner, which starts beside us and may take its time."""
    while True:
        try:
            return await driver.start()
        except SpawnError:
            await asyncio.sleep(_CONNECT_AGAIN_S)


async def _leave(agent: Agent, environments: Environments, drain_s: float, lifeline: Lifeline) -> None:
    """Once the lease is over, take no new environments, and stop when the gateway has let go of all that there are."""
    await lifeline.lease_over.wait()
    agent.is_draining = True
    environments.leave()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(drain_s):
            while not environments.is_empty:
                await asyncio.sleep(0.05)
    lifeline.stopped.set()


async def serve_worker(settings: WorkerSettings, lifeline: Lifeline) -> None:
    """Run the worker until it is told to stop; then finish what is in flight and stop every environment."""
    run_dir = Path(settings.run_dir)
    loop = asyncio.get_running_loop()
    control = ControlClient(Endpoint(address=str(run_dir / "control-worker.sock"), token=settings.links.control_worker))
    driver = _make_driver(settings)
    await _connect(driver)
    loader = Loader(control, Path(settings.chunks_dir), driver)
    shipper = LogShipper(control)
    credentials = ContainerCredentials()
    births = Births(driver, loader, shipper, settings.runtimes, credentials)
    environments = Environments(driver, births, credentials, Reports(control))
    agent = Agent(environments, driver)
    server = await serve_http(WorkerDoor(settings.links.worker, agent), unix_listener(run_dir / settings.socket))
    tasks = [
        asyncio.create_task(shipper.run()),
        asyncio.create_task(environments.freeze_idle()),
        asyncio.create_task(environments.keep_free(settings.keep_free_mib)),
        asyncio.create_task(_keep_driver(driver, environments, loader)),
    ]
    lifeline.ready()
    leaving = asyncio.create_task(_leave(agent, environments, settings.drain_s, lifeline))
    await lifeline.stopped.wait()
    leaving.cancel()
    agent.is_draining = True
    server.close()
    end = loop.time() + settings.drain_s
    while environments.busy and loop.time() < end:
        await asyncio.sleep(0.02)
    await environments.stop_all()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await shipper.flush()
    await server.drain(1.0)
    await driver.close()

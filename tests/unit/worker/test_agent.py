"""What a worker tells its gateway, by its socket."""

import asyncio
from pathlib import Path

import pytest
from quiet_control import QuietControl

from ingle.links.gateway_worker import Endpoint, WorkerClient, WorkerDoor, WorkerLeaving
from ingle.transport import DisconnectedError, serve_http, unix_listener
from ingle.worker.apis.role_credentials import ContainerCredentials
from ingle.worker.door import Agent
from ingle.worker.drivers import ProcessDriver
from ingle.worker.host.births import Births
from ingle.worker.host.environments import Environments
from ingle.worker.host.loader import Loader
from ingle.worker.journal.log_shipping import LogShipper
from ingle.worker.templates.templates import Reports


async def test_a_gateway_that_is_gone_takes_no_change_away_from_its_successor(tmp_path: Path) -> None:
    driver, credentials, control = ProcessDriver(tmp_path, insecure=True), ContainerCredentials(), QuietControl()
    births = Births(driver, Loader(control, tmp_path, driver), LogShipper(control), [], credentials)
    environments = Environments(driver, births, credentials, Reports(control))
    path = tmp_path / "w.sock"
    server = await serve_http(WorkerDoor("token", Agent(environments, driver)), unix_listener(path))
    endpoint = Endpoint(address=str(path), token="token")
    async with asyncio.timeout(10):
        first = WorkerClient(endpoint)
        listening = asyncio.ensure_future(anext(first.changes()))
        while not server.tasks:
            await asyncio.sleep(0.001)
        first.close()
        with pytest.raises(DisconnectedError):
            await listening
        while server.tasks:
            await asyncio.sleep(0.001)
        successor = WorkerClient(endpoint)
        environments.leave()
        assert await anext(successor.changes()) == WorkerLeaving()
        successor.close()
    await server.drain(0)

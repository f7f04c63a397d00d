"""What a worker tells its gateway, by its socket."""

import asyncio
from pathlib import Path

from ingle.transport import HttpClient, serve_http, unix_listener
from ingle.transport.links import LINK_HEADER
from ingle.worker.apis.role_credentials import ContainerCredentials
from ingle.worker.door import Agent
from ingle.worker.drivers import ProcessDriver
from ingle.worker.host.births import Births
from ingle.worker.host.environments import Environments
from ingle.worker.host.loader import Loader
from ingle.worker.journal.log_shipping import LogShipper
from ingle.worker.templates.templates import Reports


async def test_a_gateway_that_is_gone_takes_no_change_away_from_its_successor(tmp_path: Path) -> None:
    control, driver, credentials = HttpClient("nobody"), ProcessDriver(tmp_path, insecure=True), ContainerCredentials()
    births = Births(driver, Loader(control, tmp_path, driver), LogShipper(control), [], credentials)
    environments = Environments(driver, births, credentials, Reports(control))
    server = await serve_http(Agent(environments, driver, "token"), unix_listener(tmp_path / "w.sock"))
    request = b"GET /environments/changes HTTP/1.1\r\nhost: x\r\n%b: token\r\n\r\n" % LINK_HEADER
    async with asyncio.timeout(10):
        for is_last in (False, True):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "w.sock")
            writer.write(request)
            await reader.readuntil(b'{"event":"hello"}\n')
            if not is_last:
                writer.close()
                await writer.wait_closed()
                while server.tasks:
                    await asyncio.sleep(0.001)
        environments.leave()
        await reader.readuntil(b'{"event":"leaving"}\n')
        writer.close()
        await writer.wait_closed()
    await server.drain(0)

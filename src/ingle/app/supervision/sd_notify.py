"""Tells systemd that Ingle is ready, alive and about to stop: sd_notify(3), and nothing where no systemd asks."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable


def tell(state: str) -> None:
    """Send a state to the service manager, if one listens."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if place[:1] not in ("/", "@"):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        link.connect(place.replace("@", "\0", 1) if place.startswith("@") else place)
        link.send(state.encode())


async def keep_alive(is_well: Callable[[], Awaitable[bool]]) -> None:
    """Say three times in each of the watchdog's intervals that all is well, while it is, until cancelled."""
    interval_us = os.environ.get("WATCHDOG_USEC", "")
    if not interval_us.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return
    while True:
        if await is_well():
            tell("WATCHDOG=1")
        await asyncio.sleep(int(interval_us) / 3e6)

"""The certificate of the HTTPS port, which may be replaced while it serves."""

import asyncio
import ssl
from pathlib import Path

import structlog

_LOOK_AGAIN_S = 2.0
_log = structlog.get_logger("ingle.gateway")


class Certificate:
    """Key and certificate of a file; connections that are made after a change get the new one."""

    def __init__(self, path: Path) -> None:
        """Raises OSError or ssl.SSLError where the file can't be used."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._path = path
        self._seen = self._stamp()
        self.context.load_cert_chain(path)

    def _stamp(self) -> tuple[int, int]:
        status = self._path.stat()
        return status.st_ino, status.st_mtime_ns

    async def follow(self) -> None:
        """Take what the file holds whenever it is another, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_AGAIN_S)
            try:
                stamp = self._stamp()
                if stamp != self._seen:
                    self._seen = stamp
                    self.context.load_cert_chain(self._path)
                    _log.info("certificate.replaced")
            except OSError as error:  # ssl.SSLError is one
                _log.warning("certificate.unusable", reason=str(error))

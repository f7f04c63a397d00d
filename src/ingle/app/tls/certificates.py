"""Keeps the certificate of `--https-port` current: at each start, and while Ingle runs."""

import asyncio
import datetime
import socket
from collections.abc import Callable
from pathlib import Path

from ingle.app.config import ConfigurationError, Options
from ingle.app.front_ports import reach
from ingle.app.tls.local_ca import CertificateFolder, use_own_certificate
from ingle.app.tls.tls_names import names_of
from ingle.control.root_key import open_root_key
from ingle.values import IngleError

_LOOK_AGAIN_S = 3600.0


def check_certificate_options(options: Options) -> None:
    """Raises ConfigurationError for a certificate that nothing would serve, or only half of one."""
    if (options.cert is None) != (options.key is None):
        raise ConfigurationError("--cert and --key belong together")
    if options.cert is not None and options.https_port is None:
        raise ConfigurationError("--cert and --key are for HTTPS: add --https-port")


def keep_certificate(options: Options) -> str | None:
    """Have `tls/server.pem` be good for this host now; return what was made, in words. Raises IngleError."""
    if options.cert is not None and options.key is not None:
        return f"took {options.cert}" if use_own_certificate(options.data_dir, options.cert, options.key) else None
    import botocore.session

    regions = botocore.session.get_session().get_available_regions("lambda")
    folder = CertificateFolder(options.data_dir, open_root_key(options.data_dir))
    made = folder.keep(*names_of(options.host, options.domain, regions), datetime.datetime.now(datetime.UTC))
    return f"made {made}" if made is not None else None


async def renew_certificate(options: Options, tell: Callable[[str], None]) -> None:
    """Look once an hour, until cancelled: addresses come, certificates end, and the user's own is replaced."""
    while options.https_port is not None:
        await asyncio.sleep(_LOOK_AGAIN_S)
        try:
            made = await asyncio.to_thread(keep_certificate, options)
        except (IngleError, OSError) as error:
            tell(f"the certificate can't be renewed: {error}")
        else:
            if made is not None:
                tell(made)


def http_address(options: Options) -> str:
    """Return where HTTP is served, as this machine reaches it."""
    host = reach(options.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{options.port}"


def https_address(options: Options) -> str | None:
    """Return where HTTPS is served, by a name that is in the certificate."""
    if options.https_port is None:
        return None
    name = {"127.0.0.1": "localhost", "::1": "localhost", "0.0.0.0": socket.gethostname(), "::": socket.gethostname()}  # noqa: S104
    host = name.get(options.host, options.host)
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}" + ("" if options.https_port == 443 else f":{options.https_port}")


def authority_file(options: Options) -> Path | None:
    """Return whom clients have to trust; None where the user's own certificate serves."""
    return options.data_dir / "tls" / "ca.pem" if options.https_port is not None and options.cert is None else None

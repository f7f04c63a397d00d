"""A systemd unit for an installation: `ingle unit` prints it, and whoever runs the host decides where it goes."""

import os
import shlex
import sys
from pathlib import Path

from ingle.app.config import DEFAULT_PORT

_UNIT = """\
# {where}
[Unit]
Description=Ingle, AWS Lambda on this machine ({data})
After=network.target
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
# Ingle says when it serves, and that it lives.
Type=notify
NotifyAccess=main
WatchdogSec=60
ExecStart={command}
# Where the interpreters of the runtimes are looked for.
Environment={path}
# A slow machine may take minutes to start.
TimeoutStartSec=300
# The supervisor alone is told to stop, and lets invocations in flight finish: none may take more than 15 minutes.
KillMode=mixed
TimeoutStopSec=960
Restart=on-failure
RestartSec=1
# What a new start would not help: a setting that can't work, a damaged file.
RestartPreventExitStatus=78
# Functions live in control groups of their own below this unit's, so that its limits cover them; one that wants memory
# ends alone. ProtectControlGroups= can't be set.
Delegate=yes
OOMPolicy=continue
TasksMax=infinity
LimitNOFILE=524288
UMask=0077
KeyringMode=private
RestrictRealtime=yes

[Install]
WantedBy={target}
"""


def render_unit(data_dir: Path, port: int = DEFAULT_PORT, *, is_root: bool) -> str:
    """Return the unit's text: a system's where root runs Ingle, a user's otherwise."""
    words = [sys.executable, "-I", "-m", "ingle.app.command", "up", "--data", str(data_dir), "--port", str(port)]
    where = "/etc/systemd/system/ingle.service" if is_root else "~/.config/systemd/user/ingle.service"
    target = "multi-user.target" if is_root else "default.target"
    folders = [one for one in os.environ.get("PATH", "").split(":") if one.startswith("/")]
    path = _quote(["PATH=" + ":".join(folders)])
    return _UNIT.format(where=where, data=data_dir, command=_quote(words), path=path, target=target)


def _quote(words: list[str]) -> str:
    """Join words as systemd.service(5) reads them: % and $ stand for themselves when doubled."""
    return shlex.join(words).replace("%", "%%").replace("$", "$$")

"""The programs that a confined copy becomes: node, a bootstrap, an extension, a Python begun anew."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from typing import Any

TELEMETRY = 4
"""The descriptor on which a runtime writes its log, frame by frame."""
_LIBRARIES = ("/var/task", "/var/task/lib", "/opt/lib")
"""Where a function may have shared libraries of its own, or of its layers."""


def has_libraries() -> bool:
    """Say whether there are shared libraries where LD_LIBRARY_PATH leads: the loader reads it only as a process begins."""
    for place in _LIBRARIES:
        with contextlib.suppress(OSError):
            if any(name.startswith("lib") and ".so" in name for name in os.listdir(place)):
                return True
    return False


def run_python_anew(wrapper: list[str], settings: dict[str, Any]) -> None:
    """Start the runtime anew, by way of a script where AWS_LAMBDA_EXEC_WRAPPER asks for one (Lambda developer guide)."""
    environment = {**settings["environment"], "_LAMBDA_TELEMETRY_LOG_FD": str(TELEMETRY)}
    if "LC_ALL" not in environment:
        environment |= {"LC_ALL": "C.UTF-8", "_INGLE_LOCALE": "1"}
    _execute([*wrapper, sys.executable, "/var/runtime/bootstrap.py"], environment)


def run_node(settings: dict[str, Any]) -> None:
    """Become node with AWS's client, by way of a wrapper script where there is one, with Lambda's limits on its heap."""
    environment = {**settings["environment"], "_LAMBDA_TELEMETRY_LOG_FD": str(TELEMETRY)}
    memory_mib = int(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    limits = [f"--max-semi-space-size={memory_mib * 5 // 100}", f"--max-old-space-size={memory_mib * 90 // 100}"]
    command = ["/var/lang/bin/node", "--expose-gc", *limits, "/var/rapid/start.mjs"]
    wrapper = environment.get("AWS_LAMBDA_EXEC_WRAPPER")
    _execute([wrapper, *command] if wrapper else command, environment)


def run_bootstrap(settings: dict[str, Any]) -> None:
    """Become the bootstrap of the code, else of the layers."""
    for path in ("/var/task/bootstrap", "/opt/bootstrap"):
        if os.path.exists(path):
            _execute([path], settings["environment"])
    _refuse("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")


def run_extension(settings: dict[str, Any], number: int) -> None:
    """Become an external extension, by its number (Lambda developer guide, "Lambda extensions")."""
    path = "/opt/extensions/" + settings["extensions"][number - 1]
    os.set_inheritable(TELEMETRY, False)
    try:
        os.execve(path, [path], settings["extension_environment"])
    except OSError as error:
        sys.stderr.write(f"fork/exec {path}: {(error.strerror or '').lower()}\n")
        os._exit(126)


def _execute(command: list[str], environment: dict[str, str]) -> None:
    if "_LAMBDA_TELEMETRY_LOG_FD" not in environment:
        os.set_inheritable(TELEMETRY, False)
    try:
        os.execve(command[0], command, environment)
    except OSError as error:
        _refuse(f"fork/exec {command[0]}: {(error.strerror or '').lower()}")


def _refuse(message: str) -> None:
    """Report that there is nothing to run, as the runtime would have reported a failed init."""
    body = json.dumps({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message}).encode()
    head = (
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Lambda-Runtime-Function-Error-Type: Runtime.InvalidEntrypoint\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", 9001)) as link:
        link.sendall(head.encode() + body)
        while link.recv(4096):
            pass
    os._exit(1)

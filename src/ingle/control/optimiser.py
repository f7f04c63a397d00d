"""Finishes what a request began: prepares code and makes the function active. Begun again after a crash."""

import asyncio
import uuid
from typing import Any

import structlog

from ingle.control.code_store import CodeStore
from ingle.control.publisher import Publisher
from ingle.functions import Function
from ingle.store import FunctionRepository
from ingle.values import IngleError

_log = structlog.get_logger("ingle.control")
_Key = tuple[str, str, str]


class Optimiser:
    """One task for each function that is being created or updated."""

    def __init__(self, functions: FunctionRepository, code: CodeStore, publisher: Publisher) -> None:
        self._functions = functions
        self._code = code
        self._publisher = publisher
        self._tasks: set[asyncio.Task[None]] = set()

    def resume(self) -> None:
        """Take up what an earlier control left unfinished."""
        for function in list(self._functions.every()):
            if function.latest.state == "Pending" or function.latest.update_status == "InProgress":
                self.begin(function)

    def begin(self, function: Function, *, publish: bool = False) -> None:
        """Prepare a function's pending code in the background; with `publish` make a version of it at the end."""
        task = asyncio.create_task(self._run((function.account, function.region, function.name), publish=publish))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: _Key, *, publish: bool) -> None:
        function = self._functions.find(*key)
        if function is None:
            return
        changes: dict[str, Any] = {
            "update_status": "Successful",
            "state": "Active",
            "state_reason": "",
            "state_reason_code": "",
        }
        pending = function.latest.pending_code
        try:
            if pending is not None:
                changes["code"] = await self._code.prepare(function.arn, pending)
        except IngleError as error:
            _log.error("code.not_prepared", function=str(function.arn), reason=type(error).__name__)
            is_new = function.latest.state == "Pending"
            changes = {"state": "Failed", "state_reason_code": "InvalidZipFileException"} if is_new else {}
            changes["update_status"] = "Failed"
        current = self._functions.find(*key)
        if current is None or current.latest.pending_code != pending:
            return
        latest = current.latest.replace(**changes, pending_code=None, revision_id=str(uuid.uuid4()))
        current = current.with_version(latest)
        if publish and latest.state == "Active":
            current, _ = current.publish(None, str(uuid.uuid4()), latest.last_modified_ms)
        # The gateway learns of it first, so that a caller who sees Active can invoke; a crash between is made good
        # by the snapshot that a gateway takes from the database.
        self._functions.save(current)
        await self._publisher.publish(*key)

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

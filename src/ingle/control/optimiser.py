"""Finishes what a request began: prepares code and makes the function active. Begun again after a crash."""

import asyncio
import uuid
from typing import Any

import structlog

from ingle.artifacts import ArchiveError, ArchiveTooLargeError
from ingle.control.code_store import CodeStore
from ingle.control.publisher import Publisher
from ingle.functions import Function
from ingle.store import FunctionRepository

_log = structlog.get_logger("ingle.control")
_Key = tuple[str, str, str]
_REASONS: dict[type[Exception], str] = {
    ArchiveError: "InvalidZipFileException",
    ArchiveTooLargeError: "InvalidZipFileException",
}
_NOT_PREPARED = "The code could not be prepared. Send it again; if that fails too, the log of control says why."


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

    def begin(self, function: Function) -> None:
        """Prepare a function's pending code in the background, and publish a version of it if that is pending too."""
        task = asyncio.create_task(self._run((function.account, function.region, function.name)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: _Key) -> None:
        function = self._functions.find(*key)
        if function is None:
            return
        changes = await self._prepare(function)
        while True:
            current = self._functions.find(*key)
            if current is None or current.latest.pending_code != function.latest.pending_code:
                return  # deleted meanwhile
            finished = _finish(current, changes)
            # The gateway learns of it first, so that a caller who sees Active can invoke; a crash between is made good
            # by the snapshot that the gateway takes when control is back.
            await self._publisher.announce(finished)
            if self._functions.find(*key) == current:  # else an alias or the like has been set meanwhile
                break
        self._functions.save(finished)
        await asyncio.to_thread(self._code.delete_unused, current, finished)

    async def _prepare(self, function: Function) -> dict[str, Any]:
        """Return what changes in $LATEST once its code is ready, or has turned out to be none."""
        changes: dict[str, Any] = {
            "update_status": "Successful",
            "update_reason": "",
            "update_reason_code": "",
            "state": "Active",
            "state_reason": "",
            "state_reason_code": "",
        }
        pending = function.latest.pending_code
        try:
            if pending is not None:
                changes["code"] = await self._code.prepare(function.arn, pending)
        except Exception as error:  # a full disk too: nothing may stay Pending for ever
            _log.error("code.not_prepared", function=str(function.arn), reason=type(error).__name__)
            is_new = function.latest.state == "Pending"
            reason = _REASONS.get(type(error), "InternalError")
            changes = {"update_status": "Failed", "update_reason": _NOT_PREPARED, "update_reason_code": reason}
            if is_new:
                changes.update(state="Failed", state_reason=_NOT_PREPARED, state_reason_code=reason)
        return changes

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _finish(function: Function, changes: dict[str, Any]) -> Function:
    """Return the function with its update done, and its version made where one was to be published."""
    latest = function.latest
    wants_version = latest.pending_publish
    settled = {"pending_code": None, "pending_publish": False, "previous": None, "revision_id": str(uuid.uuid4())}
    latest = latest.replace(**changes, **settled)
    finished = function.with_version(latest)
    if wants_version and latest.state == "Active":
        finished, _ = finished.publish(None, str(uuid.uuid4()), latest.last_modified_ms)
    return finished

"""Finishes what a request began: prepares code and makes the function active. Begun again after a crash."""

import asyncio
import uuid

import structlog

from ingle.artifacts import ArchiveError, ArchiveTooLargeError
from ingle.control.code.code_store import CodeStore
from ingle.control.code.superseded import SupersededCode
from ingle.control.routes.publisher import Publisher
from ingle.functions import LATEST, Code, Function
from ingle.store import FunctionRepository

_log = structlog.get_logger("ingle.control")
_Key = tuple[str, str, str]
_Outcome = Code | str
_REASONS: dict[type[Exception], str] = {
    ArchiveError: "InvalidZipFileException",
    ArchiveTooLargeError: "InvalidZipFileException",
}
_NOT_PREPARED = (
    "The code could not be prepared. Send it again; if that fails too, programs.log in the data directory says why."
)


class Optimiser:
    """One task for each function that is being created or updated."""

    def __init__(
        self,
        functions: FunctionRepository,
        code: CodeStore,
        publisher: Publisher,
        superseded: SupersededCode,
    ) -> None:
        self._functions = functions
        self._code = code
        self._publisher = publisher
        self._superseded = superseded
        self._tasks: set[asyncio.Task[None]] = set()

    def resume(self) -> None:
        """Take up what an earlier control left unfinished."""
        for function in list(self._functions.every()):
            if function.latest.state == "Pending" or function.latest.update_status == "InProgress":
                self.begin(function)

    def begin(self, function: Function) -> None:
        """Prepare a function's pending code in the background, for `$LATEST` and for the version that is made of it."""
        task = asyncio.create_task(self._run((function.account, function.region, function.name)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: _Key) -> None:
        function = self._functions.find(*key)
        if function is None:
            return
        outcome = await self._prepare(function)
        while True:
            current = self._functions.find(*key)
            if current is None or current.latest.pending_code != function.latest.pending_code:
                if isinstance(outcome, Code):  # the function was deleted meanwhile
                    await asyncio.to_thread(self._code.discard_beside, outcome, current)
                return
            finished = self._superseded.keep(current, _finish(current, outcome))
            # The gateway learns of it first, so that a caller who sees Active can invoke; a crash between is made good
            # by the snapshot that the gateway takes when control is back.
            await self._publisher.announce(finished)
            if self._functions.find(*key) == current:  # else an alias or the like has been set meanwhile
                break
        self._functions.save(finished)
        self._superseded.watch(finished)
        await asyncio.to_thread(self._code.delete_unused, current, finished)

    async def _prepare(self, function: Function) -> _Outcome:
        """Return the code that is pending, laid out, or the reason code by which it has turned out to be none."""
        code = function.latest.pending_code or function.latest.code
        try:
            return await self._code.prepare(function.arn, code)
        except Exception as error:  # a full disk too: nothing may stay Pending for ever
            _log.error("code.not_prepared", function=str(function.arn), reason=type(error).__name__)
            return _REASONS.get(type(error), "InternalError")

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _finish(function: Function, outcome: _Outcome) -> Function:
    """Return the function with its update done, the version that was published of it included."""
    pending = function.latest.pending_code
    for version in list(function.versions.values()):
        is_new = version.version == LATEST
        if not is_new and (pending is None or version.pending_code != pending):
            continue
        if isinstance(outcome, Code):
            done = version.prepared(outcome).replace(previous=None)
        else:
            done = version.not_prepared(_NOT_PREPARED, outcome)
        function = function.with_version(done.revised(str(uuid.uuid4())) if is_new else done)
    return function

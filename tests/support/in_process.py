"""Control's handlers of the management API, put together without sockets, and called as boto3 would call them.

Requests go through botocore's serializer, our parser and validation, the handler, our serializer and a check against the
model. What control does in the background waits for `finish`, so that a test decides what comes first.
"""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from botocore_wire import described, read, receive, send
from response_shapes import check_answer

from ingle.artifacts import MemoryChunks
from ingle.control.api.errors import to_aws
from ingle.control.api.request import Request
from ingle.control.code.code_store import CodeStore
from ingle.control.code.downloads import Downloads
from ingle.control.code.optimiser import Optimiser
from ingle.control.code.superseded import SupersededCode
from ingle.control.config import UrlSettings
from ingle.control.events.event_queue import EventQueue
from ingle.control.routes.publisher import Publisher
from ingle.control.services.lambda_ import (
    AccountSettings,
    Aliases,
    CodeSigning,
    CodeSigningConfigs,
    Concurrency,
    EventInvokeConfigs,
    EventSources,
    Functions,
    FunctionUrls,
    FunctionViews,
    LayerPermissions,
    Layers,
    Permissions,
    ProvisionedConcurrency,
    RecursionConfigs,
    RuntimeManagementConfigs,
    TaggableFunctions,
    Tags,
)
from ingle.control.services.lambda_.functions.uploads import Uploads
from ingle.functions import Function
from ingle.functions.events.event_source import SETTLES_AFTER_MS
from ingle.iam import Principal
from ingle.keys import FileRootKey, Keyring
from ingle.links.gateway_control import Endpoint, GatewayClient
from ingle.protocol import AwsError, load_service, rest_json
from ingle.store import (
    CodeSigningRepository,
    EventRepository,
    EventSourceRepository,
    FunctionRepository,
    LayerRepository,
    open_database,
    open_queue,
)
from ingle.values import IngleError, SystemClock

ACCOUNT, REGION = "000000000000", "us-east-1"
RUNTIME = "python3.11"


class HeldOptimiser(Optimiser):
    """Begins nothing before it is told to."""

    def __init__(
        self, functions: FunctionRepository, code: CodeStore, publisher: Publisher, superseded: SupersededCode
    ) -> None:
        super().__init__(functions, code, publisher, superseded)
        self.held: dict[str, Function] = {}

    def begin(self, function: Function) -> None:
        self.held[function.name] = function

    async def finish(self) -> None:
        """Do all that has been held back."""
        for function in self.held.values():
            super().begin(function)
        self.held.clear()
        await self.close()


class ControlPlane:
    """All resources of the management API on a database of their own; there is no gateway to be told."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._database, queue = open_database(folder / "metadata.sqlite"), open_queue(folder / "queue.sqlite")
        self.repository = FunctionRepository(self._database)
        keyring, clock = Keyring(FileRootKey(folder / "root.key")), SystemClock()
        self.chunks = MemoryChunks()
        self.code = code = CodeStore(keyring, self.chunks)
        nobody = GatewayClient(Endpoint(address=str(folder / "no-gateway.sock")))
        self.publisher = Publisher(self.repository, nobody, nobody)
        self.superseded = SupersededCode(self.repository, code, clock)
        self.optimiser = HeldOptimiser(self.repository, code, self.publisher, self.superseded)
        self._events = EventQueue(EventRepository(queue), keyring, clock)
        layers = LayerRepository(self._database)
        downloads = Downloads(keyring, self.repository, layers, code, clock)
        configs, uploads = CodeSigningRepository(self._database), Uploads(None)
        signing = CodeSigning(configs, clock)
        code_signing = CodeSigningConfigs(configs, self.repository, signing, clock)
        self._mappings = EventSourceRepository(self._database)
        event_sources = EventSources(self._mappings, self.repository, clock)
        functions = Functions(
            self.repository, layers, code, self.optimiser, self.publisher, self._events, uploads, signing, clock,
            [RUNTIME],
        )  # fmt: skip
        resources = (
            functions,
            FunctionViews(self.repository, code, downloads, [RUNTIME]),
            AccountSettings(self.repository, layers, 1000),
            Concurrency(self.repository, self.publisher, 1000),
            Aliases(self.repository, self.publisher),
            FunctionUrls(self.repository, self.publisher, clock, UrlSettings(domain="localhost", port=9100)),
            Layers(layers, code, uploads, downloads, clock),
            EventInvokeConfigs(self.repository, clock),
            RecursionConfigs(self.repository),
            Permissions(self.repository, self.publisher),
            ProvisionedConcurrency(self.repository, self.publisher, clock, 1000),
            LayerPermissions(layers),
            RuntimeManagementConfigs(self.repository),
            event_sources,
            code_signing,
            Tags(
                {
                    "function": TaggableFunctions(self.repository, self.publisher),
                    "event-source-mapping": event_sources,
                    "code-signing-config": code_signing,
                }
            ),
        )
        self._handlers = {name: handler for one in resources for name, handler in one.handlers().items()}

    def follow(self, owner: Any, method: str, operation: str, **arguments: Any) -> None:
        """Have an operation, and all that it leaves to do, done right behind the next call of a method of control's."""
        original = getattr(owner, method)

        async def act(*given: Any) -> Any:
            setattr(owner, method, original)
            returned = await original(*given)
            await self._call(operation, arguments)
            if self.optimiser.held:
                await self.optimiser.finish()
            return returned

        setattr(owner, method, act)

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Return what an operation answers. Raises AwsError."""
        return self._loop.run_until_complete(self._call(operation, arguments))

    async def _call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        operation, wishes = receive("lambda", send("lambda", name, arguments))
        assert operation.name == name
        root = Principal(arn=f"arn:aws:iam::{ACCOUNT}:root", account=ACCOUNT, is_root=True)
        request = Request(principal=root, action=f"lambda:{name}", account=ACCOUNT, region=REGION, input=wishes)
        try:
            answered = await self._handlers[name](request)
        except IngleError as error:
            self._check(name, rest_json.render_error(to_aws(error)))
            raise to_aws(error) from None
        answer = rest_json.serialize(load_service("lambda"), operation, answered.result, status=answered.status)
        self._check(name, answer)
        return read("lambda", name, answer)

    def _check(self, name: str, answer: rest_json.Answer) -> None:
        status, headers, body = answer
        fields = {key.decode(): value.decode() for key, value in headers}
        raw = SimpleNamespace(status_code=status, headers=fields, content=body)
        check_answer(described("lambda").operation_model(name), raw)

    def code_of(self, operation: str, **arguments: Any) -> str:
        """Return the code of the error that an operation ends with, "" for none."""
        try:
            self.call(operation, **arguments)
        except AwsError as error:
            return error.code
        return ""

    def settle_mapping(self, uuid: str) -> None:
        """Let a mapping be in the state that it is on its way to."""
        mapping = self._mappings.find(ACCOUNT, REGION, uuid)
        assert mapping is not None
        settled = mapping.seen_at(mapping.last_modified_ms + SETTLES_AFTER_MS)
        assert settled is not None
        self._mappings.save(settled)

    def finish(self) -> None:
        """Do what control would do in the background."""
        self._loop.run_until_complete(self.optimiser.finish())

    def close(self) -> None:
        self._loop.run_until_complete(self.superseded.close())
        self._loop.run_until_complete(self._events.close())
        self._loop.close()
        self._database.close()

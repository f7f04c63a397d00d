"""An HTTP/1.1 server on asyncio and httptools, for the links between Ingle's programs and for its front door.

One connection carries one exchange at a time: what a client pipelines behind it waits, and meanwhile nothing more is
read. Bodies stream both ways; a hop holds at most 256 KiB of each direction. What RFC 9112 calls an error is answered
with 400 and the connection is closed, because two readings of one byte stream are how requests get smuggled.
"""

import asyncio
import select
import socket
import ssl as tls
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from typing import Any, cast

import httptools
import structlog

from ingle.transport.exchange import Exchange
from ingle.transport.limits import ServerLimits, origin_of
from ingle.transport.listeners import BACKLOG
from ingle.transport.messages import DisconnectedError, Headers, WriteGate

Handler = Callable[[Exchange], Coroutine[Any, Any, None] | None]
BadRequestRenderer = Callable[[int, str], tuple[Headers, bytes]]

_log = structlog.get_logger("ingle.transport")
_LINGER_S = 2.0
_PIPELINE_LIMIT = 100
_CORK_BYTES = 4096
_BODY_FRAMING = (b"content-length", b"transfer-encoding")
_FRAMING = frozenset((b"host", b"expect", *_BODY_FRAMING))


def _render_plain(status: int, reason: str) -> tuple[Headers, bytes]:
    return ((b"content-type", b"text/plain"),), reason.encode()


class _Connection(asyncio.Protocol):
    """One client connection: feeds the parser, runs exchanges in order."""

    def __init__(self, server: "HttpServer") -> None:
        self.server = server
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.peer = "unix"
        self.origin = ""
        self.gate = WriteGate()
        self.is_lost = False
        self.is_closing = False
        self.deadline = 0.0
        self.stalled_since = 0.0
        self._is_held = False  # the next exchange waits until the last one's answer has been taken
        self._parser: Any = httptools.HttpRequestParser(self)
        self._incoming: Exchange | None = None  # being received
        self._running: Exchange | None = None  # being answered
        self._waiting: deque[Exchange] = deque()  # pipelined behind it
        self._begun: Exchange | None = None  # running, but its handler doesn't have it yet
        self._framing: list[tuple[bytes, bytes]] = []
        self._head_size = 0
        self._loose_bytes = 0  # read since the last that made a head, a piece of a body or a whole request
        self._body_bytes = 0
        self._is_parsing = False
        self._is_dispatching = False
        self._corked = b""
        self._is_in_head = True
        self._left_out = b""  # the line that frames a body which the parser has not read
        self._is_lingering = False
        self._takes_no_more = False
        self._pauses = 0

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=256 * 1024, low=64 * 1024)
        address = transport.get_extra_info("peername")
        if isinstance(address, tuple):
            self.peer = f"{address[0]}:{address[1]}"
            self.origin = origin_of(address)
            raw = transport.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.server.admit(self):
            self.transport.abort()
            return
        self.deadline = self.server.now() + self.server.limits.idle_timeout_s

    def data_received(self, data: bytes) -> None:
        if self._is_lingering or self._takes_no_more:
            return
        limits = self.server.limits
        if self._is_in_head:
            if not self._loose_bytes:
                self.deadline = self.server.now() + limits.header_timeout_s
        else:
            self.deadline = self.server.now() + limits.body_timeout_s
        self._loose_bytes += len(data)
        refusal = self._feed(data)
        if self._incoming is not None:
            self._incoming.body.hold()
        if self._begun is not None and (refusal is None or self._begun.body.ended):
            self._is_dispatching = refusal is None
            self._dispatch_begun()
            if self._is_dispatching:
                self._dispatch_waiting()
                self._uncork()
        if refusal is not None:
            self._begun = None
            self._refuse(*refusal)
        elif self._loose_bytes > limits.header_bytes:
            self._refuse(431, "Request header is too large")

    def _feed(self, data: bytes) -> tuple[int, str] | None:
        """Parse what has come; return status and reason where it must be refused."""
        self._is_parsing = True
        try:
            while data:
                data = self._feed_to_offer(data)
        except httptools.HttpParserCallbackError as error:
            refusal = error.__context__
            return (refusal.status, refusal.reason) if isinstance(refusal, _Refusal) else (400, "Bad request")
        except httptools.HttpParserError as error:
            return 400, f"Bad request: {error}"
        finally:
            self._is_parsing = False
        return None

    def _feed_to_offer(self, data: bytes) -> bytes:
        """Parse until the parser stops at a request that offers another protocol; return what it has left.

        The offer is not taken up (RFC 9110, 7.8). The parser believes that it is, and leaves the body out: another parser
        is told of the body's framing, and reads on.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            framing, self._left_out = self._left_out, b""
            self._parser = httptools.HttpRequestParser(_BodyReader(self) if framing else self)
            if framing:
                self._parser.feed_data(b"POST / HTTP/1.1\r\nhost: x\r\n%b\r\n\r\n" % framing)
            return data[offer.args[0] :]
        return b""

    def eof_received(self) -> bool:
        if self._incoming is not None:
            self._incoming.body.end("the client closed the connection within a request")
        if self._running in (None, self._incoming) or self._is_hung_up():
            return False
        self._end_after_this()  # a half-closed client may still read its answer
        return True

    def _is_hung_up(self) -> bool:
        """Say whether the peer has closed both directions, as far as the kernel knows (a Unix socket's does)."""
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), 0)
        return any(events & select.POLLHUP for _, events in poll.poll(0))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self.server.forget(self)
        failure = "the client went away"
        self.gate.fail(failure)
        for exchange in (self._running, self._incoming, *self._waiting):
            if exchange is not None:
                exchange.body.end(failure)
        if self._running is not None:
            self._running.disconnected()
        self._running = self._incoming = self._begun = None
        self._waiting.clear()
        self._parser = None  # which knows us, as those do: what they hold is freed now, not when it is collected

    def pause_writing(self) -> None:
        self.gate.pause()
        self.stalled_since = self.server.now()

    def resume_writing(self) -> None:
        self.stalled_since = 0.0
        self.gate.resume()
        if self._is_held:
            self._is_held = False
            self.resume_reading()
            self._go_on()

    # the parser's callbacks

    def on_message_begin(self) -> None:
        self._incoming = Exchange(self)
        self._head_size = 0
        self._framing.clear()

    def on_url(self, url: bytes) -> None:
        assert self._incoming is not None
        self._incoming.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._incoming is not None
        incoming, limits = self._incoming, self.server.limits
        name = name.lower()
        value = value.rstrip(b" \t")
        if self._is_in_head:
            incoming.headers.append((name, value))
            if name in _FRAMING:
                self._framing.append((name, value))
        else:  # a trailer must not pass for a header (RFC 9110, 6.5.1)
            incoming.trailers.append((name, value))
        self._head_size += len(name) + len(value) + 4
        if len(incoming.headers) + len(incoming.trailers) > limits.header_count:
            raise _Refusal(431, "Too many header fields")
        if incoming.trailers and self._head_size > limits.header_bytes:
            raise _Refusal(431, "Request trailer is too large")

    def on_headers_complete(self) -> None:
        exchange = self._incoming
        assert exchange is not None
        self._is_in_head = False
        if len(exchange.target) + self._head_size > self.server.limits.header_bytes:
            raise _Refusal(431, "Request header is too large")
        exchange.method = self._parser.get_method()
        exchange.keep_alive = self._parser.should_keep_alive()
        version = self._parser.get_http_version()
        exchange.is_http10 = version == "1.0"
        if version not in ("1.0", "1.1"):
            raise _Refusal(400, "Only HTTP/1.0 and HTTP/1.1 are spoken here")
        if exchange.method == b"CONNECT":  # the parser would end the request here, whatever follows
            raise _Refusal(400, "Tunnels are not made here")
        if not exchange.target.startswith(b"/"):  # one form of target leaves one reading of who is meant
            raise _Refusal(400, "The target of a request is a path")
        self._check_framing(exchange)
        self._loose_bytes = 0
        self._body_bytes = 0
        if self._parser.should_upgrade():
            lines = [b"%b: %b" % pair for pair in self._framing if pair[0] in _BODY_FRAMING]
            self._left_out = lines[0] if lines else b""  # more than one has been refused
        if exchange.expects_continue and self._running is None:
            self._begin(exchange)  # nothing of the body comes before its reader asks for it

    def _check_framing(self, exchange: Exchange) -> None:
        codings: list[bytes] = []
        lengths: list[bytes] = []
        hosts = 0
        for name, value in self._framing:
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                lengths.append(value)
            elif name == b"transfer-encoding":
                codings.append(value)
            elif value.lower() == b"100-continue" and not exchange.is_http10:
                exchange.mark_expects_continue()
        if codings and (lengths or codings != [b"chunked"] or exchange.is_http10):
            raise _Refusal(400, "Ambiguous message framing")
        if lengths and (len(lengths) > 1 or not lengths[0].isdigit()):
            raise _Refusal(400, "Bad Content-Length")
        if hosts > 1 or (not hosts and not exchange.is_http10):
            raise _Refusal(400, "A request names exactly one Host")
        if lengths and int(lengths[0]) > self.server.limits.body_bytes:
            raise _Refusal(413, "Request body is too large")

    def on_body(self, data: bytes) -> None:
        exchange = self._incoming
        assert exchange is not None
        self._loose_bytes = 0
        self._body_bytes += len(data)
        if self._body_bytes > self.server.limits.body_bytes:
            raise _Refusal(413, "Request body is too large")
        if self._running is None:  # the first piece of a body that is not here as a whole
            self._begin(exchange)
        exchange.body.feed(data)

    def on_chunk_header(self) -> None:
        if self._incoming is not None and self._running is None:
            self._begin(self._incoming)

    def on_message_complete(self) -> None:
        if self._left_out:
            return
        exchange, self._incoming = self._incoming, None
        assert exchange is not None
        self._is_in_head = True
        self._loose_bytes = 0
        self.deadline = 0.0
        exchange.body.end()
        self._takes_no_more = not exchange.keep_alive  # what follows is not read (RFC 9112, 9.6)
        if exchange is self._running:
            return
        if self._running is None and not self._waiting:
            self._begin(exchange)
        elif len(self._waiting) >= _PIPELINE_LIMIT:
            raise _Refusal(400, "Too many requests wait on this connection")
        else:
            self._waiting.append(exchange)
            self._throttle()

    # exchanges in order

    def _begin(self, exchange: Exchange) -> None:
        """Make this the exchange that runs; the handler gets it when all of the current read has been parsed."""
        self._running = exchange
        self._begun = exchange
        if not self._is_parsing:
            asyncio.get_running_loop().call_soon(self._dispatch_begun)

    def _dispatch_begun(self) -> None:
        exchange, self._begun = self._begun, None
        if exchange is not None:
            self._dispatch(exchange)

    def _dispatch_waiting(self) -> None:
        """Run what waits in the same turn, for as long as each is answered at once."""
        while self._waiting and self._running is None and not self._is_held:
            self._next()
        self._is_dispatching = False

    def send(self, data: bytes) -> None:
        """Write, in the order of the calls.

        Short answers wait until all of the current read has been handled: who waits elsewhere for what it brings, a caller
        for the answer of a runtime, is woken before the peer that has only asked for more.
        """
        if self._is_dispatching and len(self._corked) + len(data) <= _CORK_BYTES:
            self._corked += data
            return
        self._uncork()
        self.transport.write(data)

    def _uncork(self) -> None:
        if self._corked:
            data, self._corked = self._corked, b""
            if not self.is_lost:
                self.transport.write(data)

    def _dispatch(self, exchange: Exchange) -> None:
        if self.is_lost or exchange.answered:
            return
        try:
            work = self.server.handler(exchange)
        except Exception:
            self._fail(exchange)
            return
        if work is not None:
            task = asyncio.get_running_loop().create_task(work)
            self.server.tasks.add(task)
            task.add_done_callback(lambda done: self._task_done(exchange, done))

    def _task_done(self, exchange: Exchange, task: "asyncio.Task[None]") -> None:
        self.server.tasks.discard(task)
        if task.cancelled():
            if not exchange.answered:
                self.transport.abort()
            return
        error = task.exception()
        if error is None or isinstance(error, DisconnectedError):
            return
        self._fail(exchange, error)

    def _fail(self, exchange: Exchange, error: BaseException | None = None) -> None:
        _log.error("exchange.failed", exc_info=error if error is not None else True)
        if exchange.answered:
            exchange.abort()
        else:
            headers, body = self.server.render_bad_request(500, "Internal failure")
            exchange.respond(500, headers, body)

    def finish_exchange(self, exchange: Exchange) -> None:
        if exchange is not self._running:
            return
        exchange.is_over = True
        self._running = None
        if not exchange.keep_alive:
            self._linger(exchange)
        elif self.gate.closed:  # who does not take this answer gets no other
            self._is_held = True
            self.pause_reading()
        else:
            self._go_on()

    def _go_on(self) -> None:
        if self._waiting:
            if not self._is_dispatching:
                asyncio.get_running_loop().call_soon(self._next)
        elif self.is_closing:
            self._uncork()
            self.transport.close()
        else:
            self._look_behind()

    def _look_behind(self) -> None:
        """Go on with what has arrived of the next request, and say how long the rest of it may take."""
        limits, now = self.server.limits, self.server.now()
        if self._incoming is None:
            self.deadline = now + limits.idle_timeout_s
        elif self._is_in_head:
            self.deadline = now + limits.header_timeout_s
        else:
            self.deadline = 0.0 if self._pauses else now + limits.body_timeout_s
            self._begin(self._incoming)

    def _next(self) -> None:
        if self._running is None and self._waiting:
            exchange = self._waiting.popleft()
            self._throttle()
            self._running = exchange
            self._dispatch(exchange)

    def _linger(self, exchange: Exchange) -> None:
        """Close for writing; take what is still under way for a moment, so that the answer isn't lost to a reset."""
        self._waiting.clear()
        self._uncork()
        if exchange.body.ended and self._incoming is None:
            self.transport.close()
            return
        self._is_lingering = True
        self._pauses = 0
        self.transport.resume_reading()
        self.deadline = self.server.now() + _LINGER_S
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _refuse(self, status: int, reason: str) -> None:
        if self._is_lingering or self._takes_no_more or self.is_lost:
            return
        if self._incoming is not None:
            self._incoming.body.end(reason)
        running = self._running
        if running is not None and running is not self._incoming:
            self._end_after_this()
            return
        if running is not None and running.answered:
            self.transport.abort()
            return
        headers, body = self.server.render_bad_request(status, reason)
        refused = self._incoming or Exchange(self)
        refused.keep_alive = False
        self._running = refused
        refused.respond(status, headers, body)
        refused.refused = True
        self._is_lingering = True

    def _end_after_this(self) -> None:
        """Let the exchange that is being answered be the connection's last."""
        self._takes_no_more = True
        self.is_closing = True
        self._incoming = None

    # flow control and time

    def pause_reading(self) -> None:
        self._pauses += 1
        if self._pauses == 1 and not self.is_lost:
            self.transport.pause_reading()
        self.deadline = 0.0

    def resume_reading(self) -> None:
        self._pauses = max(0, self._pauses - 1)
        if self._pauses == 0 and not self.is_lost and not self._is_lingering:
            self.transport.resume_reading()
            if self._incoming is not None and not self._is_in_head:
                self.deadline = self.server.now() + self.server.limits.body_timeout_s

    def _throttle(self) -> None:
        if self._waiting and self._pauses == 0:
            self.pause_reading()
        elif not self._waiting and self._pauses:
            self.resume_reading()

    def check_time(self, now: float) -> None:
        if self.stalled_since and now > self.stalled_since + self.server.limits.write_timeout_s:
            self.transport.abort()
        if not self.deadline or now <= self.deadline:
            return
        if self._is_lingering:
            self.transport.abort()
        elif self._incoming is not None and self._running in (None, self._incoming):
            self._refuse(408, "The request took too long to arrive")
        elif self._running is None:
            self.transport.abort()

    def close_when_idle(self) -> None:
        self.is_closing = True
        if self._running is None and self._incoming is None:
            self.transport.close()


class _BodyReader:
    """Tells a connection of what follows a head that it knows already."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._is_in_head = True
        self.on_body, self.on_chunk_header = connection.on_body, connection.on_chunk_header
        self.on_message_complete = connection.on_message_complete

    def on_message_begin(self) -> None:
        if not self._is_in_head:
            self._connection.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._is_in_head:
            self._connection.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_in_head:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._is_in_head:
            self._connection.on_headers_complete()
        self._is_in_head = False


class _Refusal(Exception):
    """What a callback of the parser raises to have the request refused."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class HttpServer:
    """A server on one listening socket; made by `serve_http`."""

    def __init__(self, handler: Handler, limits: ServerLimits, renderer: BadRequestRenderer) -> None:
        self.handler = handler
        self.limits = limits
        self.render_bad_request = renderer
        self.tasks: set[asyncio.Task[None]] = set()
        self._connections: set[_Connection] = set()
        self._by_origin: Counter[str] = Counter()
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.AbstractServer | None = None
        self._sweep = self._loop.call_later(1.0, self._check_times)

    def now(self) -> float:
        return self._loop.time()

    @property
    def connections(self) -> int:
        return len(self._connections)

    def listening(self, server: asyncio.AbstractServer) -> None:
        self._server = server

    async def adopt(self, link: socket.socket) -> None:
        """Serve a connection that was made by other means than by accepting it. Raises OSError."""
        await self._loop.connect_accepted_socket(lambda: _Connection(self), link)

    def admit(self, connection: _Connection) -> bool:
        """Take a connection, or refuse it where its peer, or all together, have as many as they may."""
        origin = connection.origin
        if len(self._connections) >= self.limits.connections:
            return False
        if origin and self._by_origin[origin] >= self.limits.connections_of_one:
            return False
        self._connections.add(connection)
        self._by_origin[origin] += 1
        return True

    def forget(self, connection: _Connection) -> None:
        """Count a connection no more."""
        if connection not in self._connections:  # it was refused
            return
        self._connections.discard(connection)
        self._by_origin[connection.origin] -= 1
        if not self._by_origin[connection.origin]:
            del self._by_origin[connection.origin]

    def _check_times(self) -> None:
        now = self._loop.time()
        for connection in tuple(self._connections):
            connection.check_time(now)
        self._sweep = self._loop.call_later(1.0, self._check_times)

    def close(self) -> None:
        """Stop accepting connections; those that are open go on."""
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        """Cut every connection that is open: nobody is left behind them. Others may follow."""
        for connection in tuple(self._connections):
            connection.transport.abort()

    async def drain(self, timeout_s: float) -> None:
        """Let exchanges in flight finish, then close every connection; after `timeout_s` cut what is left."""
        self.close()
        for connection in tuple(self._connections):
            connection.close_when_idle()
        end = self._loop.time() + timeout_s
        while self._connections and self._loop.time() < end:
            await asyncio.sleep(0.02)
        self._sweep.cancel()
        for connection in tuple(self._connections):
            connection.transport.abort()
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.sleep(0)


async def serve_http(
    handler: Handler,
    listener: socket.socket,
    *,
    limits: ServerLimits | None = None,
    ssl: tls.SSLContext | None = None,
    renderer: BadRequestRenderer = _render_plain,
    backlog: int = BACKLOG,
) -> HttpServer:
    """Serve `handler` on a listening socket.

    A handler that returns None has answered or will answer later by itself; a coroutine is run as a task. An exception
    out of either is logged and answered with 500. `renderer` gives headers and body for what the server itself refuses.
    """
    server = HttpServer(handler, limits or ServerLimits(), renderer)
    loop = asyncio.get_running_loop()
    farewell_s = _LINGER_S if ssl is not None else None  # an idle client doesn't answer TLS's closing message
    greeting_s = server.limits.header_timeout_s if ssl is not None else None  # until then nothing counts the connection
    make = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
    listening: Any = await make(  # which listens anew: with 100 places, whatever the listener had, unless it is told
        lambda: _Connection(server),
        sock=listener,
        ssl=ssl,
        ssl_handshake_timeout=greeting_s,
        ssl_shutdown_timeout=farewell_s,
        backlog=backlog,
    )
    server.listening(listening)
    return server

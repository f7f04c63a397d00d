"""Bytes between processes: HTTP/1.1 server and client, Unix sockets, mutual TLS, handed-over listeners."""

from ingle.transport.exchange import Exchange
from ingle.transport.http_client import ClientResponse, ConnectionFailedError, HttpClient, TcpAddress
from ingle.transport.http_server import BadRequestRenderer, Handler, HttpServer, serve_http
from ingle.transport.intake import Holding, Intake, IntakeFullError, physical_memory_bytes
from ingle.transport.lifeline import SIGNALS, Lifeline, was_signalled_within
from ingle.transport.limits import ServerLimits
from ingle.transport.listeners import adopt_listener, tcp_listener, unix_listener
from ingle.transport.messages import BodyTooLargeError, DisconnectedError, Headers, IncomingBody, WriteGate

__all__ = [
    "SIGNALS",
    "BadRequestRenderer",
    "BodyTooLargeError",
    "ClientResponse",
    "ConnectionFailedError",
    "DisconnectedError",
    "Exchange",
    "Handler",
    "Headers",
    "Holding",
    "HttpClient",
    "HttpServer",
    "IncomingBody",
    "Intake",
    "IntakeFullError",
    "Lifeline",
    "ServerLimits",
    "TcpAddress",
    "WriteGate",
    "adopt_listener",
    "physical_memory_bytes",
    "serve_http",
    "tcp_listener",
    "unix_listener",
    "was_signalled_within",
]

"""The link of a worker with control: grants and credentials, logs, and what came of templates."""

from ingle.links.endpoint import Endpoint
from ingle.links.link import LinkRefusedError
from ingle.links.worker_control.calls import Control, NotGrantedError
from ingle.links.worker_control.client import ControlClient
from ingle.links.worker_control.door import ControlDoor
from ingle.links.worker_control.memory import MemoryControl
from ingle.links.worker_control.messages import LogBatch, LogRecords, TemplateReport

__all__ = [
    "Control",
    "ControlClient",
    "ControlDoor",
    "Endpoint",
    "LinkRefusedError",
    "LogBatch",
    "LogRecords",
    "MemoryControl",
    "NotGrantedError",
    "TemplateReport",
]

"""Runs execution environments on one host."""

from ingle.worker.agent import serve_worker
from ingle.worker.config import RuntimeEntry, WorkerSettings

__all__ = ["RuntimeEntry", "WorkerSettings", "serve_worker"]

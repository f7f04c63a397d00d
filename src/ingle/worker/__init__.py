"""Runs execution environments on one host."""

from ingle.worker.config import RuntimeEntry, WorkerSettings
from ingle.worker.program import serve_worker

__all__ = ["RuntimeEntry", "WorkerSettings", "serve_worker"]

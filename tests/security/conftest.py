"""The fixtures of the system tests: one real Ingle, functions named after their test."""

from tests.system.conftest import deploy, functions, ingle, invoke, logs, rootless

__all__ = ["deploy", "functions", "ingle", "invoke", "logs", "rootless"]

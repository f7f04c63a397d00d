"""Signals to whole groups of processes, from terminals and init systems: they end nothing here (`transport.lifeline`)."""

from __future__ import annotations

import signal

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def disregard() -> None:
    """Let them pass. What is executed from here has the kernel's own dispositions again."""
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # who started us has blocked them until here

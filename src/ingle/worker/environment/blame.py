"""Who has ended a process: the function itself, or who signals every process of the host's unit, ours among them.

Whoever signals a whole group does so one process after the other, so we may be next. KillMode=control-group of systemd does.
What a runtime said last comes by another socket than the news of its end, and counts before it.
"""

import os

from ingle.transport import SIGNALS, was_signalled_within

_SAME_SIGNAL_S, _SIGNALLED_S = 0.08, 1.0
_LAST_WORDS_S = 0.004


def wait_s(status: int) -> float:
    """Return in how many seconds it is known who has ended a process with this status, and what it said last is read."""
    return _SAME_SIGNAL_S if os.WIFSIGNALED(status) and os.WTERMSIG(status) in SIGNALS else _LAST_WORDS_S


def is_the_platforms() -> bool:
    """Say whether what ends now is cut by the platform: no fault of a function's."""
    return was_signalled_within(_SIGNALLED_S)

"""What a child that waits does meanwhile: touch the pages that its start will write to.

A copy shares its zygote's memory until it writes; each first write to a page costs a fault. A start that has been
rehearsed pays for few of them while somebody waits. Nothing here outlives the rehearsal.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import random
import socket
import time

_SAMPLE = json.dumps({"environment": {f"NAME_{number}": "x" * 40 for number in range(24)}, "handler": "app.handler"})


def rehearse() -> None:
    """Do what every start does, to no effect."""
    before = dict(os.environ)
    settings = json.loads(_SAMPLE)
    os.environ.clear()
    os.environ.update(settings["environment"])
    os.environ.clear()
    os.environ.update(before)
    time.tzset()
    random.seed()
    logging.Formatter("[%(levelname)s]\\t%(asctime)s\\t%(message)s")
    importlib.util.find_spec("ingle_rehearses_an_import_that_finds_nothing")
    compile("import json\ndef handler(event, context):\n    return event\n", "app.py", "exec")
    json.dumps({"event": [1, 2.5, None]})
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM):
        pass

"""Starts one program: `python -m ingle.app PROGRAM`, with its settings as JSON on standard input."""

import sys

from ingle.app.supervision.programs import main

sys.exit(main(sys.argv[1]))

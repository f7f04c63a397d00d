"""Starts the spawner: `python -m ingle.spawner`."""

import sys

from ingle.spawner.main import main

sys.exit(main())

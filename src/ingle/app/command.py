"""The `ingle` command as a module: `python -m ingle.app.command`."""

from ingle.app.main import main

main()

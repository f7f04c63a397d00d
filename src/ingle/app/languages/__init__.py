"""The runtimes that this host offers, and how their packages are fetched."""

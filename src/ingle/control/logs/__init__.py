"""Logs: their store, and those who watch them live."""

"""Clients of the public API: each command, each page is a file."""

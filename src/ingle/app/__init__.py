"""Builds each program from configuration and supervises them under `ingle up`."""

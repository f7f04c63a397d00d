"""Stores of sealed chunks: one driver for each place."""

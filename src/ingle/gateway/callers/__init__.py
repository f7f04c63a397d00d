"""Callers: who they are, what they may do, and the payloads that they send."""

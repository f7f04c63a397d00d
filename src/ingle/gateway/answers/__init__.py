"""Answers on their way to a caller: whole, streamed, or kept for the queue of events."""

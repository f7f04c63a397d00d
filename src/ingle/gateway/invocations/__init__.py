"""Invocations: who is meant, whether they may run now, and their way to an environment and back."""

"""Settings of a function beside its configuration: concurrency, events, recursion, runtime management."""

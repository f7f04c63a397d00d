"""One execution environment, from its init through its invocations to its end."""

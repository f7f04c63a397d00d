"""The fleet: which environments there are, which serves next, and when there shall be more."""

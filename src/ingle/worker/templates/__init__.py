"""Templates: environments whose init has run once, and that others are copied from."""

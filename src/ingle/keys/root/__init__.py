"""Where the root key lives: one driver for each place."""

"""The gateway's doors: the public port, health, measurements, and what control asks of it."""

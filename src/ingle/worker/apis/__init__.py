"""What a function can call: the Runtime, Extensions and Telemetry APIs, and its credentials."""

"""What `ingle` does on this machine: up, down, doctor, demo, unit, and signing."""

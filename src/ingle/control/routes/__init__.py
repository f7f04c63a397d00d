"""Routes: what gateway and worker are told of every function."""

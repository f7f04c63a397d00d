"""Events: the queue, its deliveries, and what becomes of those that fail."""

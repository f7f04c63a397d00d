"""How functions get events: event sources and their filters, and what becomes of asynchronous ones."""

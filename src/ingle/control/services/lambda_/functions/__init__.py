"""Functions, versions, aliases and URLs."""

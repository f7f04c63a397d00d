"""Who may use a function: resource policies, public access, and what services may do."""

"""Identity: the account's credentials and the sessions of roles."""

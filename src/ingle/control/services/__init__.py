"""AWS's services, one module each."""

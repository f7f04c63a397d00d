"""Certificates: the local authority, the names they are for, and when they are made anew."""

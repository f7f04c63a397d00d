"""Function URLs: requests as events, and answers as HTTP responses."""

"""What is told of an environment: the platform's events, the function's lines, and who gets them."""

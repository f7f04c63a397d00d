"""What a layer brings."""

GREETING = "Hello"

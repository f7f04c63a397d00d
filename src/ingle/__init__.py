"""Ingle runs AWS Lambda functions on machines that you own."""

"""What Ingle's programs say to each other: for each pair of programs its messages, calls, client and door."""

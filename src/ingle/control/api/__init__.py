"""What every AWS operation is given and may answer: request, errors, rates, streams of events."""

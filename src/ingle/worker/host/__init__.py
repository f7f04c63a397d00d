"""The environments of one host: made, frozen, counted, given back."""

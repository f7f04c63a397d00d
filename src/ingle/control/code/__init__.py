"""Code: its store, the bucket and the downloads that bring it in and out."""

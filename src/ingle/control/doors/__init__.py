"""Control's doors: the public AWS APIs, and one for each of the other programs."""

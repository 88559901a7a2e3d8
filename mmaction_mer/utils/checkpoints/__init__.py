"""Safe reading of untrusted or damaged checkpoint files."""

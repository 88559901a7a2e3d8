"""Reading of checkpoint files that may be hostile or damaged."""

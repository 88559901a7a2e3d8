"""Self-supervised pre-training on macro-expressions: MA2MI."""

"""Slim checkpoints, pre-trained weights, complexity and explanations."""

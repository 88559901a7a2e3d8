"""Hooks: slim checkpoints, divergence, pre-training, visualization."""

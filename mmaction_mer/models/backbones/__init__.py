"""Backbones: the prompted ViT and MIACNet."""

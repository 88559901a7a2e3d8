"""Registered transforms: thin wrappers over the functions of ``motion``."""

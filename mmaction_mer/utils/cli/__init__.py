"""Shared code of the command-line tools: options, configs, error messages."""

"""What the command-line tools share: options, configs, errors as sentences."""

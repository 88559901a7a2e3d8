"""From a release on disk to an annotation file with its frames."""

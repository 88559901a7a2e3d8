"""Folders of a release: listing them and finding the clip of a row."""

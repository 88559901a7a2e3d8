"""Frames on disk: names, folders, image files, bit depth."""

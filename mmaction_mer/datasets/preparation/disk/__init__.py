"""The folders of a release on disk: clips, frames, and what cannot be used."""

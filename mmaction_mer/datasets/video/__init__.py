"""Videos: index, frame rate, sampling and exact reading of frames."""

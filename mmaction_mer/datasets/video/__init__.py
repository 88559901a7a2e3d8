"""Videos: index, frame rate, sampling and verified reading of frames."""

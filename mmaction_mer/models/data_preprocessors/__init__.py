"""Data preprocessors: augmentation and the motion front end on the device."""

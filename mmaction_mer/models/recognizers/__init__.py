"""Recognizers: MPT and MIAC."""

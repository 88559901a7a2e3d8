"""PAGE: a clip dropped into a browser, and what a model reads in it."""

from .serving import launch

__all__ = ['launch']

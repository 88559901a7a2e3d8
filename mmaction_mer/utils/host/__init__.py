"""Repairs of defects of mmaction2, mmengine and torch, and helpers to apply them."""

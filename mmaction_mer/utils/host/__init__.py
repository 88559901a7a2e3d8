"""Repairs of the host stack (mmaction2, mmengine, torch)."""

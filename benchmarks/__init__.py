"""Measurements of the real service beside references of the same machine and the same run."""

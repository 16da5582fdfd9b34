"""Pure functions: a value, its baseline and a tolerance give a `Comparison`."""

from pytest_footprint.comparison.compare import compare

__all__ = ["compare"]

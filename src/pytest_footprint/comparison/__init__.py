"""Pure functions: a value, its baseline and a tolerance give a `Comparison`."""

from pytest_footprint.comparison.compare import compare
from pytest_footprint.comparison.ranks import compare_ranks

__all__ = ["compare", "compare_ranks"]

"""torch -> Trace: the only package that imports torch."""

from pytest_footprint.tracking.internals import UnsupportedTorchError
from pytest_footprint.tracking.mem_tracker import MemTracker

__all__ = ["MemTracker", "UnsupportedTorchError"]

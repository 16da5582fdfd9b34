"""torch -> Trace: the only package that imports torch."""

from pytest_footprint.tracking.compat.fsdp_words import FSDPModMemStats, FSDPModState, FSDPRefType
from pytest_footprint.tracking.compat.words import MemRefType, ModMemStats, ModState
from pytest_footprint.tracking.fsdp_mem_tracker import FSDPMemTracker
from pytest_footprint.tracking.internals import UnsupportedTorchError
from pytest_footprint.tracking.mem_tracker import MemTracker
from pytest_footprint.tracking.mod_tracker import ModTracker
from pytest_footprint.tracking.module_tracker import ModuleTracker

__all__ = [
    "FSDPMemTracker",
    "FSDPModMemStats",
    "FSDPModState",
    "FSDPRefType",
    "MemRefType",
    "MemTracker",
    "ModMemStats",
    "ModState",
    "ModTracker",
    "ModuleTracker",
    "UnsupportedTorchError",
]

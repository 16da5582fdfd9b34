"""What a measured step left."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.usage import DeviceUsage


@dataclass(frozen=True, slots=True)
class StepEnd:
    """The end of one measured step, after garbage collection."""

    usage: DeviceUsage
    """Alive then."""
    moved: tuple[LiveGroup, ...] = ()
    """What there is more of than at the end of the step before (before the first one: than at the start), largest
    first, and then, with negative count and bytes, what there is less of."""

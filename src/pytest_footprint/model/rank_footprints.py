"""What each rank of a distributed program took and left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_footprint.model.footprint import NOTHING, Footprint
from pytest_footprint.model.rank_values import RankGroup, RankValues, alike


@dataclass(frozen=True, slots=True)
class RankFootprints(RankValues[Footprint]):
    """The footprint of each rank: ``ranks[3].peak.total``, ``ranks.max.peak``, ``ranks.differing``."""

    @property
    def groups(self) -> tuple[RankGroup[Footprint], ...]:
        """Ranks that a baseline cannot tell apart, the most first; those with the lowest rank first among equals."""
        return alike(self, _compared)

    @property
    def max(self) -> Footprint:
        """The one with the highest peak, of all its devices together; of the lowest rank among equals."""
        return self[self.max_rank]

    @property
    def min(self) -> Footprint:
        """The one with the lowest peak, of all its devices together; of the lowest rank among equals."""
        return self[self.min_rank]

    @property
    def max_rank(self) -> int:
        """The rank of `max`."""
        return max(self, key=lambda rank: (peak_of(self[rank]), -rank))

    @property
    def min_rank(self) -> int:
        """The rank of `min`."""
        return min(self, key=lambda rank: (peak_of(self[rank]), rank))


def peak_of(footprint: Footprint) -> int:
    """Bytes at the peaks of all devices together."""
    return sum(int(usage.total) for usage in footprint.peak.values())


def _compared(footprint: Footprint) -> Footprint:
    return replace(footprint, start=NOTHING, modules={}, marks={}, step_ends=())


def on_first_device(footprint: Footprint) -> Footprint:
    """The same with the index 0 for the only device of its kind: each rank has another one (``cuda:3``)."""
    kinds: dict[str, set[str]] = {}
    for device in _devices(footprint):
        kinds.setdefault(device.partition(":")[0], set()).add(device)
    only = [(kind, *devices) for kind, devices in kinds.items() if len(devices) == 1]
    renamed = {device: f"{kind}:0" for kind, device in only if ":" in device}
    if all(old == new for old, new in renamed.items()):
        return footprint
    return Footprint.from_json(json.dumps(_renamed(json.loads(footprint.to_json()), renamed)))


def _devices(footprint: Footprint) -> set[str]:
    moments = (footprint.start, footprint.peak, footprint.end, footprint.growth)
    rows = (*footprint.at_peak, *footprint.at_end, *footprint.saved)
    return {device for moment in moments for device in moment} | {row.device for row in rows}


def _renamed(plain: Any, names: Mapping[str, str]) -> Any:
    """Devices are keys, or stand under ``device``."""
    if isinstance(plain, list):
        return [_renamed(each, names) for each in plain]
    if not isinstance(plain, dict):
        return plain
    return {
        names.get(key, key): names.get(each, each) if key == "device" else _renamed(each, names)
        for key, each in plain.items()
    }

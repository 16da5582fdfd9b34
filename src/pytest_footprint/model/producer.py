"""Who makes the activations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType


@dataclass(frozen=True, slots=True)
class Producer:
    """A module, and the activations that it had made and that were alive at the peak."""

    fqn: str
    """``""`` outside all modules."""
    nbytes: ByteSize
    tensors: tuple[LiveGroup, ...]
    """Largest first."""


def producers(at_peak: Iterable[LiveGroup]) -> list[Producer]:
    """Modules by the bytes of their activations, the largest first; equal ones in the order of their names."""
    found: dict[str, list[LiveGroup]] = {}
    for group in at_peak:
        if group.ref_type is RefType.ACTIVATION:
            found.setdefault(group.fqn, []).append(group)
    rows = [
        Producer(fqn, ByteSize(sum(group.nbytes for group in groups)), tuple(sorted(groups, key=_size)))
        for fqn, groups in found.items()
    ]
    return sorted(rows, key=lambda row: (-row.nbytes, row.fqn))


def _size(group: LiveGroup) -> int:
    return -group.nbytes

"""Which tensors grow faster than a law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.figure import Figure
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import INDEX
from pytest_footprint.model.law import Law
from pytest_footprint.model.live_group import LiveGroup


def excess(footprints: Mapping[int, Footprint], figure: Figure, law: Law, device: str, n: int) -> tuple[LiveGroup, ...]:
    """What is off the law at ``n``, farthest first: bytes above the curve through the first two (below: negative).

    Repeated layers go together as ``layers.*``, as do tensors of one operator in one module, whatever their shapes;
    shape, count and line are those of the largest at ``n``.
    """
    found: dict[LiveGroup, dict[int, int]] = {}
    largest: dict[LiveGroup, LiveGroup] = {}
    for at, footprint in footprints.items():
        for group in figure.groups(footprint, device):
            layers = ".".join("*" if INDEX.fullmatch(part) else part for part in group.fqn.split("."))
            look = replace(group, fqn=layers, shape=(), count=0, nbytes=ByteSize(0))
            sizes = found.setdefault(look, dict.fromkeys(footprints, 0))
            sizes[at] += group.nbytes
            if look not in largest or at == n:
                largest[look] = max(group, largest.get(look, group), key=lambda each: each.nbytes)
    off = []
    for look, sizes in found.items():
        expected = max(Fraction(0), law.through_first_two(sizes)[n])
        above = ByteSize(round(sizes[n] - expected))
        if above:
            off.append(replace(largest[look], fqn=look.fqn, nbytes=above))
    return tuple(sorted(off, key=lambda group: -abs(group.nbytes)))

"""Repeated layers of which one alone shows what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pytest_footprint.model.comparison import Culprit, Signal
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import INDEX, fold
from pytest_footprint.model.ref_type import RefType

_PASSING = frozenset({RefType.ACTIVATION, RefType.TEMPORARY, RefType.REDUCE_SCATTER, RefType.OTHER})


def alone_at_peak(after: Footprint, culprits: Iterable[Culprit]) -> dict[str, str]:
    """A layer -> the repeated layers that it is one of, where no other has tensors such as its new ones at the peak."""
    new: dict[str, set[tuple[object, ...]]] = {}
    for one in culprits:
        shows = one.signal is Signal.PEAK and one.ref_type in _PASSING and (one.nbytes > 0 or one.was)
        if shows and (layer := _layer(one.fqn)):
            new.setdefault(layer, set()).add((one.fqn.removeprefix(layer), one.ref_type, one.op))
    found = {}
    for layer, looks in new.items():
        head = layer.rpartition(".")[0]
        ran = (name for name in (*after.forward, *after.recomputed) if name.startswith(f"{head}."))
        layers = dict.fromkeys(name for name in ran if _layer(name) == name)
        others = {
            (group.fqn.removeprefix(other), group.ref_type, group.op)
            for group in after.at_peak
            if (other := _layer(group.fqn)) in layers and other != layer
        }
        if len(layers) > 1 and not looks & others:
            found[layer] = ", ".join(fold(layers))
    groups = Counter(found.values())
    return {layer: group for layer, group in found.items() if groups[group] == 1}


def _layer(fqn: str) -> str:
    """Up to the last index: ``GPT.blocks.0`` of ``GPT.blocks.0.mlp``; ``""`` where there is none."""
    parts = fqn.split(".")
    at = max((at for at, part in enumerate(parts) if INDEX.fullmatch(part)), default=-1)
    return ".".join(parts[: at + 1])

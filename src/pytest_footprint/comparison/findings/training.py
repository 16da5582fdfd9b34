"""Modules that were frozen and are trained now, or the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Change, Order, OrderChange
from pytest_footprint.model.finding import Trained
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import unfold
from pytest_footprint.model.ref_type import RefType

_GRADIENTS = frozenset({RefType.GRADIENT, RefType.SHARDED_GRADIENT, RefType.UNSHARDED_GRADIENT})


def trained(before: Footprint, after: Footprint, changes: Iterable[Change]) -> Iterator[Trained]:
    """For modules with parameters that ran forward in both."""
    if not (before.backward and after.backward):
        return  # a step without any backward froze nothing
    edits = [
        edit
        for change in changes
        if isinstance(change, OrderChange) and change.order is Order.BACKWARD
        for edit in change.edits
        if not (edit.before and edit.after)
    ]
    ran = {*before.forward} & {*after.forward}
    for edit in edits:
        names = unfold(edit.fqn)
        if ran.issuperset(names) and all(_has_parameters(after, name) for name in names):
            now = bool(edit.after)
            yield Trained(
                edit.fqn,
                edit.modules,
                now,
                ByteSize(_states(after) - _states(before)),
                _gradients(after if now else before, names),
            )


def _has_parameters(footprint: Footprint, module: str) -> bool:
    return any(_inside(spec.name, module) for spec in footprint.structure.tensors)


def _states(footprint: Footprint) -> int:
    return sum(usage[RefType.OPTIMIZER_STATE] for usage in footprint.end.values())


def _gradients(footprint: Footprint, modules: Iterable[str]) -> ByteSize:
    modules = tuple(modules)
    moments = (footprint.at_peak, footprint.at_end)
    return ByteSize(
        max(
            sum(
                group.nbytes
                for group in groups
                if group.ref_type in _GRADIENTS and any(_inside(group.fqn, module) for module in modules)
            )
            for groups in moments
        )
    )


def _inside(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")

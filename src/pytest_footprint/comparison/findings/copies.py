"""Copies of parameters: casts that autocast keeps, clones of a state_dict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pytest_footprint.comparison.sizes import TOTAL
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Change, Culprit, Signal, SizeChange
from pytest_footprint.model.finding import ParameterCopies
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import common_module, unfold
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.structure import Structure

_COPIES = frozenset({"aten._to_copy", "aten.clone", "aten.copy"})
_PASSING = frozenset({RefType.ACTIVATION, RefType.TEMPORARY, RefType.OTHER})
_MOST = 0.5


def parameter_copies(
    after: Footprint, changes: Sequence[Change], culprits: Sequence[Culprit]
) -> Iterator[ParameterCopies]:
    """New ones where they are most of what grew, after the step or else at the peak; and casts that are no more."""
    looks = _looks(after.structure)
    copies = [one for one in culprits if _is_copy(one, looks)]
    for signal in (Signal.END, Signal.PEAK):
        for change in changes:
            if not isinstance(change, SizeChange) or (change.signal, change.subject) != (signal, TOTAL):
                continue
            here = [one for one in copies if (one.signal, one.device) == (signal, change.device)]
            new = [one for one in here if one.nbytes > 0]
            if change.difference > 0 and sum(one.nbytes for one in new) >= _MOST * change.difference:
                yield _together(new, looks, signal)
                return
            recast = {one.was for one in culprits if one.was and one.signal is signal}
            gone = [one for one in here if one.nbytes < 0 and one.dtype in recast]
            if gone:
                yield _together(gone, looks, signal)
                return


def _looks(structure: Structure) -> Mapping[str, Mapping[tuple[int, ...], set[str]]]:
    """Module -> shape -> dtypes of its own tensors; ``""`` stands for all modules."""
    found: dict[str, dict[tuple[int, ...], set[str]]] = {"": {}}
    for spec in structure.tensors:
        for module in ("", spec.name.rpartition(".")[0]):
            found.setdefault(module, {}).setdefault(spec.shape, set()).add(spec.dtype)
    return found


def _is_copy(one: Culprit, looks: Mapping[str, Mapping[tuple[int, ...], set[str]]]) -> bool:
    if one.ref_type not in _PASSING or one.op not in _COPIES or not one.shape or one.was or one.was_shape is not None:
        return False
    return all(one.shape in looks.get(fqn, {}) for fqn in unfold(one.fqn))


def _together(
    found: Sequence[Culprit], looks: Mapping[str, Mapping[tuple[int, ...], set[str]]], signal: Signal
) -> ParameterCopies:
    by_look: Counter[tuple[str, str]] = Counter()
    for one in found:
        by_look[one.op, one.dtype] += abs(one.nbytes)
    [((op, dtype), _)] = by_look.most_common(1)
    same = [one for one in found if (one.op, one.dtype) == (op, dtype)]
    sources = {one.source for one in same}
    originals = {each for one in same for each in looks[unfold(one.fqn)[0]][one.shape or ()]}
    return ParameterCopies(
        same[0].nbytes > 0,
        common_module((one.fqn, one.nbytes) for one in same),
        op,
        dtype,
        same[0].device,
        sum(one.count for one in same),
        ByteSize(sum(one.nbytes for one in same)),
        cast=dtype not in originals,
        after_step=signal is Signal.END,
        source=sources.pop() if len(sources) == 1 else None,
    )

"""The change of sizes that matters most, and what is behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_footprint.model.comparison import Comparison, Culprit, Signal, SizeChange
from pytest_footprint.model.fqn import common_module
from pytest_footprint.model.live_group import OPTIMIZER_STEP
from pytest_footprint.model.ref_type import BY_ROOT, RefType
from pytest_footprint.report.words import alike, file_line, kind, looked, percent, signed, tensors

TOTAL = "total"
_MOST = 0.5
_MUCH = 0.25
_OWNED = BY_ROOT | {RefType.BUFFER, RefType.GRADIENT, RefType.SHARDED_GRADIENT, RefType.UNSHARDED_GRADIENT}


@dataclass(frozen=True, slots=True)
class Cause:
    """A total that changed, the reference type that moved most in it, and the tensors behind that."""

    main: SizeChange
    part: SizeChange
    """``main`` itself where its types are not told."""
    culprits: tuple[Culprit, ...]
    """Those that went the same way, largest first; empty when the tensors are not known."""
    recast: tuple[Culprit, ...] = ()
    """Tensors of all types within ``main`` that have another dtype now, when that explains much of it."""
    alone: Mapping[str, str] = field(default_factory=dict)
    """As in `Comparison`."""

    @property
    def brief(self) -> str:
        """``activations made in GPT.head: float32[256, 1024] from aten._log_softmax``."""
        if self.recast:
            return self.dtypes
        what = "tensors" if self.part.subject == RefType.OTHER else kind(self.part.subject)
        what = "" if self.main.signal is Signal.SAVED else what
        if not self.culprits:
            return what
        largest = self.culprits[0]
        if self._share < _MOST and (module := self._common_module()):
            op = self._most_common_op()
            return f"{what} {_where(largest, module)}{op and f', mostly {op}'}".strip()
        where = f"{_where(largest)}{alike(largest.fqn, self.alone)}"
        if largest.source and not largest.fqn:
            where = where.replace("made outside modules", f"made at {file_line(largest.source)}")
        return f"{what} {where}: {_look(largest).replace('from aten.', 'from ')}".strip()

    @property
    def full(self) -> str:
        """``activations +2 MiB (new), made in GPT.head: float32[256, 1024] from aten._log_softmax at train.py:88``."""
        what = "saved" if self.main.signal is Signal.SAVED else kind(self.part.subject)
        said = [f"{what} {signed(self.part.difference)} ({percent(self.part.percent)})"]
        if self.culprits:
            if self._share < _MOST:
                op, module = self._most_common_op(), self._common_module()
                said += [" ".join(filter(None, [op and f"mostly {op}", module and f"in {module}"]))]
            said.append(self._how_much() + _tensors(self.culprits[0]))
        return ", ".join(filter(None, said))

    @property
    def dtypes(self) -> str:
        """``tensors of GPT.blocks.0.mlp are float32, not bfloat16``; ``""`` when no dtype changed that matters."""
        if not self.recast:
            return ""
        [((now, was), _)] = Counter((one.dtype, one.was) for one in self.recast).most_common(1)
        module = common_module((one.fqn, one.nbytes) for one in self.recast)
        types = dict.fromkeys(one.ref_type for one in self.recast)
        what = "tensors"
        if len(types) == 1 and RefType.OTHER not in types:
            what = kind(next(iter(types)))
            what += "" if what.endswith("s") else " tensors"
        elif RefType.UNSHARDED_PARAMETER in types:
            what = "unsharded parameters and other tensors"
        whose = f"of {module}{alike(module, self.alone)}" if module else "outside modules"
        return f"{what} {whose} are {now}, not {was}"

    def _common_module(self) -> str:
        return common_module((one.fqn, one.nbytes) for one in self.culprits)

    def _most_common_op(self) -> str:
        """``bfloat16 from aten._to_copy`` when that is most of it."""
        by_op: Counter[tuple[str, str]] = Counter()
        for one in self.culprits:
            by_op[one.dtype, one.op] += abs(one.nbytes)
        [((dtype, op), nbytes)] = by_op.most_common(1)
        return f"{dtype} from {op}" if op and nbytes >= _MOST * abs(self.part.difference) else ""

    def _how_much(self) -> str:
        if self._share > 1:  # others shrank meanwhile
            return f"{signed(self.culprits[0].nbytes)} "
        return "" if self._share == 1 else "mostly " if self._share >= _MOST else "the largest part "

    @property
    def _share(self) -> float:
        return self.culprits[0].nbytes / self.part.difference


def cause(comparison: Comparison) -> Cause:
    """What to tell first; the comparison has at least one change of a size."""
    main = _main(comparison.sizes)
    parts = [
        change
        for change in comparison.sizes
        if (change.signal, change.device) == (main.signal, main.device) and change.subject != TOTAL
    ]
    by_type = main.subject == TOTAL and main.signal is not Signal.SAVED and parts
    part = parts[0] if by_type else main
    recast = [one for one in _culprits(comparison.culprits, main) if one.was]
    matters = abs(sum(one.nbytes for one in recast)) >= _MUCH * abs(main.difference)
    return Cause(
        main, part, tuple(_culprits(comparison.culprits, part)), tuple(recast if matters else ()), comparison.alone
    )


def _main(changes: Sequence[SizeChange]) -> SizeChange:
    """The total of the peak or the end that grew most, since that is what people must know.

    Or else the first total that grew, the first total, or whatever grew.
    """
    candidates = [change for change in changes if change.subject == TOTAL] or changes
    grown = [change for change in candidates if change.difference > 0]
    alive = [change for change in grown if change.signal in {Signal.PEAK, Signal.END}]
    if alive:
        return max(alive, key=lambda change: change.difference)
    return (grown or candidates)[0]


def _culprits(culprits: Iterable[Culprit], part: SizeChange) -> list[Culprit]:
    signals = {part.signal, Signal.END} if part.signal is Signal.GROWTH else {part.signal}
    found = [
        one
        for one in culprits
        if one.signal in signals
        and one.device == part.device
        and (part.signal is Signal.SAVED or part.subject in {TOTAL, one.ref_type.value})
        and (one.nbytes > 0) == (part.difference > 0)
    ]
    return sorted(found, key=lambda one: -abs(one.nbytes))


def _tensors(one: Culprit) -> str:
    return f"{_where(one)}: {_look(one)}{_line(one)}"


def _look(one: Culprit) -> str:
    op = f" from {one.op}" if one.op else ""
    return f"{tensors(one.count, one.dtype, one.shape)}{op}{looked(one)}"


def _line(one: Culprit) -> str:
    """Where it is made: who keeps it may be somebody else."""
    if not one.source:
        return ""
    return f" at {one.source}" if one.op else f", made at {one.source}"


def _where(one: Culprit, module: str | None = None) -> str:
    """``made in GPT.head``, ``of GPT.head``, ``saved by GPT.head``, or no longer so: ``module`` in place of its own."""
    fqn = one.fqn if module is None else module
    fqn = f"the {fqn}" if fqn == OPTIMIZER_STEP else fqn
    stays = one.nbytes > 0 or one.was or one.was_shape is not None
    if one.ref_type in _OWNED:
        nobody = "modules that do not run" if one.ref_type is RefType.PARAMETER else "no module"
        said = f"of {fqn or nobody}"
    elif one.signal is Signal.SAVED:
        said = f"saved by {fqn}" if fqn else "saved outside modules"
        return said if stays else f"no longer {said}"
    else:
        said = f"made in {fqn}" if fqn else "made outside modules"
    return said if stays else f"{said}, no longer alive"

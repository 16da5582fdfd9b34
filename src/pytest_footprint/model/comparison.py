"""What differs between a baseline and now: a value that reports draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import TypeAlias

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.finding import Finding
from pytest_footprint.model.ref_type import RefType


@unique
class Signal(StrEnum):
    """What is compared; a regression shows in at least one of them."""

    PEAK = "peak"
    END = "end of step"
    GROWTH = "growth"
    SAVED = "saved for backward"
    ORDER = "order"
    STRUCTURE = "structure"


@dataclass(frozen=True, slots=True)
class SizeChange:
    """A byte count that left its tolerance."""

    signal: Signal
    subject: str
    """What the count is of: ``total`` or a reference type; a module such as ``GPT.layers.{0..3}.attn`` for what is
    saved, folded over repeated layers, with the bytes of all of them."""
    device: str
    before: ByteSize
    after: ByteSize

    @property
    def difference(self) -> ByteSize:
        """After minus before, in bytes."""
        return self.after - self.before

    @property
    def percent(self) -> float | None:
        """Difference in per cent of before; ``None`` when before is 0."""
        return 100 * self.difference / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class TextChange:
    """Something that is neither a size nor an order: what is saved, a shape, a dtype, a tied group."""

    signal: Signal
    subject: str
    """A name, or ``key renamed`` or ``tied``, or what FSDP gathers; folded over repeated layers."""
    before: str
    """``""`` when it is new."""
    after: str
    """``""`` when it is gone."""


@dataclass(frozen=True, slots=True)
class ModulesShifted:
    """Numbered modules that have another number since some before them are new, or gone. Names are folded."""

    new: str
    """``""`` when none is."""
    gone: str
    before: str
    """Their names in the baseline."""
    after: str
    modules: int
    """How many moved, in each of repeated layers."""
    by: int
    """How far the first of them moved; negative when to a lower number."""
    one_of: bool = False
    """Whether only some of ``new`` or ``gone`` are: all look the same, and which it is cannot be told."""

    @property
    def signal(self) -> Signal:
        """Always the structure."""
        return Signal.STRUCTURE


@unique
class Order(StrEnum):
    """The three call orders. The value is the name of the attribute that holds it."""

    FORWARD = "forward"
    BACKWARD = "backward"
    RECOMPUTED = "recomputed"


@dataclass(frozen=True, slots=True)
class OrderEdit:
    """Modules that left an order, came into it, run another number of times, or moved."""

    fqn: str
    """Folded over repeated layers."""
    modules: int
    """How many modules this is, those inside ``fqn`` that share its fate included."""
    before: int
    """Calls of each; 0 when it did not run."""
    after: int
    """Calls of each; 0 when it does not run any more."""
    place_before: str = ""
    """Where it moved from: the FQN that ran before it, or before the first of several; ``""`` when it was first, or has
    not moved."""
    place_after: str = ""


@dataclass(frozen=True, slots=True)
class OrderChange:
    """A call order that is another one now."""

    order: Order
    position: int
    """Of the first call that differs, from 1 on."""
    before: str
    """The module that was called there; ``""`` when the order was over."""
    after: str
    """The module that is called there now; ``""`` when the order is over."""
    edits: tuple[OrderEdit, ...]
    """What happened to the modules: gone and new ones first, then counts, then moves."""

    @property
    def signal(self) -> Signal:
        """Always the order."""
        return Signal.ORDER


@dataclass(frozen=True, slots=True)
class Culprit:
    """Tensors that are alive now and were not, or the other way round."""

    signal: Signal
    ref_type: RefType
    fqn: str
    """Folded over repeated layers."""
    op: str
    shape: tuple[int, ...] | None
    """``None`` when they have several."""
    dtype: str
    device: str
    count: int
    """How many more there are now; negative when there are fewer."""
    nbytes: ByteSize
    """How many more bytes; negative when fewer."""
    source: str | None = None
    """``file:line`` of the code that makes them, where known."""
    was: str = ""
    """Their dtype in the baseline when it was another one: then ``count`` is how many they are, and ``nbytes`` how many
    bytes that makes."""
    was_shape: tuple[int, ...] | None = None
    """Their shape in the baseline when it was another one; ``count`` and ``nbytes`` as for `was`."""


@dataclass(frozen=True, slots=True)
class OlderMemory:
    """Memory that differs before the measured step already, some of it older than the recording."""

    ref_type: RefType
    device: str
    before: ByteSize
    """Bytes before the step, when the baseline was taken."""
    after: ByteSize
    """Bytes before the step, now."""

    @property
    def difference(self) -> ByteSize:
        """After minus before, in bytes."""
        return self.after - self.before


Change: TypeAlias = SizeChange | TextChange | OrderChange | ModulesShifted


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing a value with its baseline; falsy when nothing differs."""

    changes: tuple[Change, ...] = ()
    """In the order of the signals."""
    culprits: tuple[Culprit, ...] = ()
    """For each signal: what grew, largest first, then what shrank. Empty when only order or structure changed."""
    graph_kept: ByteSize = ByteSize(0)
    """Bytes of what autograd saved for backward that outlive the step and did not in the baseline; 0 unless it is most
    of a graph."""
    older: tuple[OlderMemory, ...] = ()
    """What was left by whatever ran before, and so is no fault of the step; largest difference first."""
    findings: tuple[Finding, ...] = ()
    """What both prove together, the most telling first."""
    alone: Mapping[str, str] = field(default_factory=dict)
    """A layer -> the repeated layers that it is one of, where no other has tensors like its new ones at the peak: the
    others may have changed as it did."""
    recorded: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Environment entries that differ: name -> (baseline, now). Shown, not a failure."""

    @property
    def sizes(self) -> tuple[SizeChange, ...]:
        """The byte counts that changed."""
        return tuple(change for change in self.changes if isinstance(change, SizeChange))

    def __bool__(self) -> bool:
        return bool(self.changes)

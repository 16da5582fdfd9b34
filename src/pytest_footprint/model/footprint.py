"""The noun that users hold: what a piece of code took and left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Self

from pytest_footprint.model.allocator_peak import AllocatorPeak
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.codec import dump, load
from pytest_footprint.model.counts import check_count
from pytest_footprint.model.growth import growth_text
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.module_stats import ModuleStats
from pytest_footprint.model.overview import overview
from pytest_footprint.model.producer import Producer, producers
from pytest_footprint.model.saved_tensor import SavedTensors
from pytest_footprint.model.step_end import StepEnd
from pytest_footprint.model.structure import Structure
from pytest_footprint.model.unshard import Unshard, unshards_in
from pytest_footprint.model.usage import DeviceUsage

NOTHING = DeviceUsage({})


@dataclass(frozen=True, slots=True)
class Footprint:
    """What was recorded over some steps. All sizes are bytes."""

    start: DeviceUsage = NOTHING
    """Alive before the first measured step."""
    peak: DeviceUsage = NOTHING
    """Alive when the most was alive, for each device at its own moment."""
    end: DeviceUsage = NOTHING
    """Alive after the last step."""
    growth: DeviceUsage = NOTHING
    """What the last step left behind: its end minus its start (negative when it freed)."""
    saved: SavedTensors = SavedTensors()
    """What autograd kept for the backward that kept the most."""
    modules: Mapping[str, ModuleStats] = field(default_factory=dict)
    """FQN -> sizes and peaks of each module that ran."""
    forward: tuple[str, ...] = ()
    """FQNs in call order."""
    backward: tuple[str, ...] = ()
    """FQNs in the order in which backward reached them, but for modules whose backward runs no operator; `ModTracker`
    tells of those too."""
    recomputed: tuple[str, ...] = ()
    """FQNs of forwards that ran again during backward."""
    structure: Structure = Structure()
    """``state_dict`` entries of the models that took part, under their FQN."""
    at_peak: tuple[LiveGroup, ...] = ()
    """What was alive at the peak, largest first."""
    at_end: tuple[LiveGroup, ...] = ()
    """What was alive after the last step, largest first."""
    inside_ops: Mapping[str, ByteSize] = field(default_factory=dict, compare=False)
    """Operator -> the most that it held inside itself and had given back when it returned, largest first.

    Empty unless recorded with ``inside_ops=True``: then such memory counts as temporary in the peaks.
    """
    measured: Mapping[str, AllocatorPeak] = field(default_factory=dict, compare=False)
    """CUDA device -> the peak by its allocator's own counters; empty without a GPU.

    It is shown beside the tracked peak and never compared: it counts whatever else the process holds, too.
    """
    marks: Mapping[str, DeviceUsage] = field(default_factory=dict)
    """Alive at each named moment; the last one where a name was used again."""
    steps: int = 1
    step_ends: tuple[StepEnd, ...] = ()
    """One for each step that was measured; empty in what a baseline holds."""
    unsharded: tuple[Unshard, ...] = ()
    """The all-gathers of FSDP in the last step, in order; empty for models that are not sharded."""
    max_unsharded: int = 0
    """How many FSDP modules, the root among them where it has parameters, were whole at once at most.

    One counts from when its all-gather is issued until it is resharded. 0 for models that are not sharded.
    """
    environment: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Versions and devices that the numbers come from; shown, never compared."""

    def __post_init__(self) -> None:
        specs = (spec.name.rpartition(".")[0] for spec in self.structure.tensors)
        rows = (row.fqn for row in self.saved)
        names = tuple(dict.fromkeys(chain(self.forward, self.recomputed, self.modules, rows, specs, [""])))
        object.__setattr__(self, "saved", SavedTensors(self.saved.rows, names))

    def __hash__(self) -> int:
        # Enough to tell footprints apart, and all of it hashable; what differs elsewhere alone, ``==`` tells.
        return hash((self.peak, self.end, self.growth, self.saved, self.forward, self.steps))

    def __str__(self) -> str:
        """A few lines: bytes of each device and moment, what is saved, how many modules ran."""
        return overview(self)

    @property
    def hierarchy(self) -> Hierarchy:
        """The three orders as one value."""
        return Hierarchy(self.forward, self.backward, self.recomputed)

    def at(self, mark: str) -> DeviceUsage:
        """Usage at a moment that ``mark(name)`` named.

        Raises:
            KeyError: there is no such mark; the message names those there are.
        """
        try:
            return self.marks[mark]
        except KeyError:
            names = ", ".join(map(repr, self.marks)) or "none"
            msg = f"no mark {mark!r} was recorded; marks: {names}"
            raise KeyError(msg) from None

    def unshards(self, order: str) -> tuple[str, ...]:
        """FQNs of the FSDP modules in the order in which the last step unsharded them.

        Args:
            order: ``"forward"`` or ``"backward"``. The modules of ``fully_shard([a, b])`` are one, ``"Net.a, Net.b"``.

        Raises:
            ValueError: there is no such order.
        """
        return tuple(each.fqn for each in unshards_in(self.unsharded, order))

    def prefetches(self, order: str) -> dict[str, int]:
        """FSDP modules that were unsharded before their own turn -> how many FSDP modules before it, at most.

        Raises:
            ValueError: there is no such order.
        """
        found: dict[str, int] = {}
        for each in unshards_in(self.unsharded, order):
            if each.ahead:
                found[each.fqn] = max(each.ahead, found.get(each.fqn, 0))
        return found

    def top_producers(self, n: int = 3) -> tuple[Producer, ...]:
        """The ``n`` modules whose activations took most at the peak, largest first; what submodules made is theirs.

        Raises:
            TypeError: ``n`` is no whole number.
            ValueError: it is negative.
        """
        check_count("top_producers", "n", n, least=0)
        return tuple(producers(self.at_peak)[:n])

    def assert_no_growth(self, *, skip: int = 1) -> None:
        """No measured step after the first ``skip`` ends with more alive than every step before it did.

        The first steps may build what stays: optimizer states, caches. With ``skip=0`` all are held to the start.
        Measure several: ``mem_tracker.run(fn, steps=4)``, or a loop with ``mem_tracker.step()``.

        Raises:
            AssertionError: memory grew; it says how much in which step, and which tensors of which module and line.
            ValueError: there is no step after the first ``skip``.
        """
        __tracebackhide__ = True
        if text := growth_text(self, skip):
            raise AssertionError(text)

    def to_json(self) -> str:
        """All of it as one line of JSON; `from_json` gives an equal footprint."""
        return dump(self)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is not JSON, not a footprint, or of another schema.
        """
        return load(cls, text)

"""What was recorded: columns of integers, and the names behind them."""

from __future__ import annotations

from array import array
from collections.abc import Hashable
from typing import Generic, TypeVar

BY_CLOSURE = 2**62
"""The number, in `Trace.saved_sequence`, of what no node holds itself, but a function that one holds."""

Key = TypeVar("Key", bound=Hashable)


class Names(Generic[Key]):
    """Gives each distinct key a small number."""

    __slots__ = ("keys", "numbers")

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.numbers: dict[Key, int] = {}

    def number(self, key: Key) -> int:
        """The number of ``key``, a new one the first time."""
        found = self.numbers.get(key)
        if found is None:
            found = self.numbers[key] = len(self.keys)
            self.keys.append(key)
        return found


class Trace:
    """Events in order, and one row for each storage, module call, backward node and label.

    Rows are only ever appended. Scopes are calls (0 and up), `OUTSIDE`, or backward nodes (see `node_scope`). What is
    never below 0 is unsigned: CPython appends that in half the time.
    """

    def __init__(self) -> None:  # noqa: PLR0915 - a statement a column
        self.events = array("Q")

        # One row a storage.
        self.nbytes = array("Q")
        self.device = array("b")
        self.op = array("i")
        self.scope = array("q")
        self.phase = array("b")
        self.layout = array("I")
        self.source = array("i")

        # One row a change of size.
        self.resized_storage = array("Q")
        self.resized_to = array("Q")

        # One row a module.
        self.module_class: list[str] = []
        self.module_attribute: list[str] = []
        self.module_parent = array("i")
        self.module_number = array("i")

        # One row a module call.
        self.call_module = array("I")
        self.call_parent = array("q")
        self.call_phase = array("b")
        self.call_inputs = array("Q")
        self.call_outputs = array("Q")

        # From sequence number to scope: nodes made at or after `mark_sequence` in that thread belong to `mark_scope`.
        self.mark_thread = array("I")
        self.mark_sequence = array("Q")
        self.mark_scope = array("q")

        # One row each time that backward moves to another node.
        # AccumulateGrad has no number: -1, and its leaf's storage.
        self.node_thread = array("I")
        self.node_sequence = array("q")
        self.node_storage = array("q")

        # One row each time that somebody says what a storage is.
        self.label_storage = array("Q")
        self.label_type = array("b")
        self.label_module = array("i")

        # One row for each tensor that autograd held when backward `saved_graph` began; the node, or `BY_CLOSURE`.
        self.saved_graph = array("I")
        self.saved_thread = array("I")
        self.saved_sequence = array("Q")
        self.saved_storage = array("Q")
        self.saved_layout = array("I")

        # One row for each operator that held memory inside itself: the most above what was alive as it began, just
        # before event `inside_place`, and how much of that was gone again when it returned.
        self.inside_place = array("q")
        self.inside_op = array("i")
        self.inside_device = array("b")
        self.inside_bytes = array("q")
        self.inside_hidden = array("q")

        # One row for each device and stretch of events over which its allocator told its own peaks. The device's name,
        # because a number would make it one of those on which something was tracked.
        self.measured_first = array("q")
        self.measured_last = array("q")
        self.measured_device: list[str] = []
        self.measured_allocated = array("q")
        self.measured_reserved = array("q")

        # One row each time that FSDP does something with a group of parameters.
        self.sharding_what = array("b")
        self.sharding_group = array("i")

        # One row for each module of each group that FSDP shards together.
        self.group_number = array("i")
        self.group_module = array("i")

        self.devices: Names[str] = Names()
        self.ops: Names[str] = Names()
        self.layouts: Names[tuple[tuple[int, ...], str]] = Names()
        self.sources: Names[str] = Names()
        self.marks: list[str] = []

    def module_fqn(self, module: int) -> str:
        """The name of a module as it is known by now: ``Root.child.grandchild``, ``Root#2`` for a second such root."""
        parts = []
        while (parent := self.module_parent[module]) >= 0:
            parts.append(self.module_attribute[module])
            module = parent
        number = self.module_number[module]
        parts.append(self.module_class[module] + (f"#{number}" if number > 1 else ""))
        return ".".join(reversed(parts))

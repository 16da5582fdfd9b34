"""Random traces, made without torch."""

from __future__ import annotations

from hypothesis import strategies as st

from pytest_footprint.trace.events import CODE_BITS, OUTSIDE, Event, Phase, node_scope
from pytest_footprint.trace.labels import RANK
from pytest_footprint.trace.trace import Trace

_ACTIONS = ("born", "born", "born", "free", "free", "resize", "enter", "exit", "backward", "label", "optimizer", "mark")


class Writer:
    """Writes a trace as a recording would: whatever it is told to do makes sense in its place."""

    def __init__(self) -> None:
        self.trace = Trace()
        self.alive: list[int] = []
        self.open: list[int] = []
        self.optimizers = 0
        self.sequence = 0
        self.trace.devices.number("cpu")
        self.trace.devices.number("cuda:0")

    def event(self, code: Event, argument: int = 0) -> None:
        self.trace.events.append(argument << CODE_BITS | code)

    def born(self, nbytes: int, device: int, phase: Phase | None = None) -> None:
        trace = self.trace
        if phase is None:
            phase = Phase.OPTIMIZER if self.optimizers and not self.open else Phase.FORWARD
        trace.nbytes.append(nbytes)
        trace.device.append(device)
        trace.op.append(trace.ops.number(f"aten.op{nbytes % 3}"))
        trace.scope.append(self.open[-1] if self.open else OUTSIDE)
        trace.phase.append(phase)
        trace.layout.append(trace.layouts.number(((nbytes,), "uint8")))
        trace.source.append(-1)
        self.alive.append(len(trace.nbytes) - 1)
        self.event(Event.BORN, self.alive[-1])

    def free(self, which: int) -> None:
        if self.alive:
            self.event(Event.FREED, self.alive.pop(which % len(self.alive)))

    def resize(self, which: int, nbytes: int) -> None:
        if self.alive:
            self.trace.resized_storage.append(self.alive[which % len(self.alive)])
            self.trace.resized_to.append(nbytes)
            self.event(Event.RESIZED, len(self.trace.resized_to) - 1)

    def enter(self, which: int) -> None:
        trace = self.trace
        depth = len(self.open)
        if depth == 0 and not trace.module_class:
            self.module("Root", -1, "")
        module = 0
        if depth:
            parent = trace.call_module[self.open[-1]]
            children = [row for row, above in enumerate(trace.module_parent) if above == parent]
            if which % 3 == 0 or not children:
                module = self.module("Child", parent, f"child{len(children)}")
            else:
                module = children[which % len(children)]
        trace.call_module.append(module)
        trace.call_parent.append(self.open[-1] if self.open else OUTSIDE)
        trace.call_phase.append(Phase.FORWARD)
        trace.call_inputs.append(0)
        trace.call_outputs.append(0)
        self.open.append(len(trace.call_module) - 1)
        self.marked(self.open[-1])
        self.event(Event.ENTER, self.open[-1])

    def module(self, name: str, parent: int, attribute: str) -> int:
        trace = self.trace
        trace.module_class.append(name)
        trace.module_parent.append(parent)
        trace.module_attribute.append(attribute)
        trace.module_number.append(1)
        return len(trace.module_class) - 1

    def exit(self) -> None:
        if self.open:
            call = self.open.pop()
            self.marked(self.open[-1] if self.open else OUTSIDE)
            self.event(Event.EXIT, call)

    def marked(self, scope: int) -> None:
        self.trace.mark_thread.append(0)
        self.trace.mark_sequence.append(self.sequence)
        self.trace.mark_scope.append(scope)
        self.sequence += 1

    def backward(self, sizes: list[int]) -> None:
        """A whole backward: one node for each size, each with a temporary of that size."""
        if self.open:
            return
        trace = self.trace
        graph = sum(event & 15 == Event.GRAPH_BEGIN for event in trace.events)
        self.event(Event.GRAPH_BEGIN, graph)
        for step, nbytes in enumerate(sizes):
            trace.node_thread.append(0)
            trace.node_sequence.append(max(0, self.sequence - 1 - step))
            trace.node_storage.append(-1)
            self.event(Event.NODE, len(trace.node_thread) - 1)
            self.born(nbytes, 0, Phase.BACKWARD)
            trace.scope[-1] = node_scope(len(trace.node_thread) - 1)
            self.free(len(self.alive) - 1)
        self.event(Event.GRAPH_END, graph)

    def label(self, which: int, kind: int) -> None:
        if self.alive:
            kinds = sorted(RANK)
            self.trace.label_storage.append(self.alive[which % len(self.alive)])
            self.trace.label_type.append(kinds[kind % len(kinds)])
            self.trace.label_module.append(-1)

    def optimizer(self) -> None:
        self.event(Event.OPTIMIZER_END if self.optimizers else Event.OPTIMIZER_BEGIN)
        self.optimizers = 1 - self.optimizers

    def mark(self, name: str) -> None:
        self.trace.marks.append(name)
        self.event(Event.MARK, len(self.trace.marks) - 1)


@st.composite
def writers(draw: st.DrawFn, most: int = 60) -> Writer:  # noqa: C901 - one case an action
    """A writer that has written a random program."""
    writer = Writer()
    for _ in range(draw(st.integers(0, 3))):
        writer.born(draw(st.integers(0, 1 << 20)), draw(st.integers(0, 1)), Phase.EXISTING)
    for action in draw(st.lists(st.sampled_from(_ACTIONS), max_size=most)):
        which, nbytes = draw(st.integers(0, 50)), draw(st.integers(0, 1 << 20))
        match action:
            case "born":
                writer.born(nbytes, which % 2)
            case "free":
                writer.free(which)
            case "resize":
                writer.resize(which, nbytes)
            case "enter":
                writer.enter(which)
            case "exit":
                writer.exit()
            case "backward":
                writer.backward([nbytes, which])
            case "label":
                writer.label(which, nbytes)
            case "optimizer":
                writer.optimizer()
            case _:
                writer.mark(f"mark {which}")
    return writer

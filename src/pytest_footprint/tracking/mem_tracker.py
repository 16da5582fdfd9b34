"""`MemTracker`: records the memory of whatever runs inside it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, nullcontext
from types import MethodType
from typing import Any, Self

import torch
from torch import nn
from torch.optim.optimizer import Optimizer

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import Event
from pytest_footprint.trace.moment import Moment, moment
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.trace import Trace
from pytest_footprint.trace.window import Window, everything, steps_window
from pytest_footprint.tracking import internals, self_check
from pytest_footprint.tracking.assertions.assertions import Assertions
from pytest_footprint.tracking.assertions.callables import check_run
from pytest_footprint.tracking.collector import older_objects_left_alone
from pytest_footprint.tracking.compat.surface import TorchSurface
from pytest_footprint.tracking.distributed.late_frees import wait_for_late_frees
from pytest_footprint.tracking.environment import environment
from pytest_footprint.tracking.internals import TorchDispatchMode, tree_leaves
from pytest_footprint.tracking.modules.structure import structure_of_roots
from pytest_footprint.tracking.modules.watch import ModuleWatch
from pytest_footprint.tracking.operators.allocator_peaks import AllocatorPeaks
from pytest_footprint.tracking.operators.hot_path import dispatcher
from pytest_footprint.tracking.operators.inside_ops import InsideOps
from pytest_footprint.tracking.operators.watch import OperatorWatch
from pytest_footprint.tracking.optimizers import OptimizerWatch
from pytest_footprint.tracking.patches import rng_states_reported_to
from pytest_footprint.tracking.progress import ToldProgress
from pytest_footprint.tracking.recorder import Recorder
from pytest_footprint.tracking.storages.bare import bare_storages_recorded
from pytest_footprint.tracking.storages.owners import tensors_in


class MemTracker(Assertions, ToldProgress, TorchSurface, TorchDispatchMode):
    """Records every storage that is born, resized or freed while the context is open, and what it is for.

    Models, optimizers and root inputs that take part are recognised by themselves; `track_external` is for the rest.
    The context may be entered again, also inside itself.

    Args:
        source_lines: note the user's ``file:line`` of every allocation.
        inside_ops: count also what operators take and give back inside themselves, as temporaries, from the
            allocator's own events. It depends on kernels and threads, so keep it out of baselines.

    Raises:
        UnsupportedTorchError: on entering, when this torch lacks something private that the tracker needs.
        ProfilerBusyError: on entering with ``inside_ops``, while another profiler runs; on reading, when another
            profiler took the events.
    """

    supports_higher_order_operators = True
    on_footprint: Callable[[Footprint, Moment], None] | None = None
    """Called with each footprint that `run` and `footprint` return, and with what it takes to read it again."""
    on_reading: Callable[[Reading, Window], None] | None = None
    """Called before that with what the footprint was read from."""

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """What is compiled runs compiled: a compiled graph is one opaque region, of which its operators are seen."""
        return True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not by torch's costly wrapper: `internals.never_compiled` does it."""
        return False

    def __init__(self, *, source_lines: bool = True, inside_ops: bool = False) -> None:
        TorchDispatchMode.__init__(self)
        TorchSurface.__init__(self, Recorder())
        self._modules = ModuleWatch(self._recorder, memory=True)
        self._optimizers = OptimizerWatch(self._recorder)
        self._inside_ops = InsideOps(self.trace) if inside_ops else None
        self._operators = OperatorWatch(self._recorder, source_lines=source_lines, inside_ops=self._inside_ops)
        self._dispatch = dispatcher(self._operators)
        self._allocator_peaks = AllocatorPeaks(self.trace)
        self._depth = 0
        self._undo = ExitStack()

    @property
    def trace(self) -> Trace:
        """What was recorded so far."""
        return self._recorder.trace

    def __enter__(self) -> Self:
        if self._depth == 0:
            self_check.check(inside_ops=self._inside_ops is not None)
            internals.never_compiled(MemTracker.__torch_dispatch__)
            internals.never_compiled(self._dispatch)
            with ExitStack() as undo:
                undo.enter_context(older_objects_left_alone())
                undo.enter_context(rng_states_reported_to(self._operators.saw_rng_state))
                undo.enter_context(bare_storages_recorded(self._recorder))
                undo.enter_context(self._optimizers)
                undo.enter_context(self._modules)
                if self._inside_ops is not None:
                    undo.enter_context(self._inside_ops)
                undo.enter_context(self._allocator_peaks)
                self._called_at_once(undo)
                super().__enter__()
                self._undo = undo.pop_all()
            self._entered()
        self._depth += 1
        return self

    def __exit__(self, *exc: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            try:
                if not any(exc):
                    self._allocator_peaks.note()
                self._left()
            finally:
                super().__exit__(*exc)
                self._undo.close()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self._dispatch(self, func, types, args, kwargs)

    def _called_at_once(self, undo: ExitStack) -> None:
        """Let torch call `_dispatch` itself, which is a call less an operator; a subclass may do it otherwise."""
        if type(self).__torch_dispatch__ is MemTracker.__torch_dispatch__:
            # A cycle, so only while torch holds the tracker anyway.
            vars(self)["__torch_dispatch__"] = MethodType(self._dispatch, self)
            undo.callback(vars(self).pop, "__torch_dispatch__")

    def track_external(self, *external: object) -> None:
        """Take in modules, optimizers and tensors (also inside containers) that do not take part by themselves.

        Plain tensors count as ``other``.

        Raises:
            TypeError: something is neither a module, an optimizer, a tensor nor None.
        """
        for item in tree_leaves(external):
            if isinstance(item, torch.Tensor):
                self._recorder.live.label(item, RefType.OTHER)
            elif isinstance(item, nn.Module):
                self._modules.add(item)
            elif isinstance(item, Optimizer):
                self._optimizers.add(item)
            elif item is not None:
                msg = f"track_external takes modules, optimizers and tensors, not {type(item).__name__}: {item!r:.80}"
                raise TypeError(msg)

    def run(self, fn: Callable[..., object], *args: Any, steps: int = 1, warmup: int = 0, **kwargs: Any) -> Footprint:
        """Call ``fn(*args, **kwargs)`` and return the footprint of ``steps`` calls that follow ``warmup`` others.

        Tensors among the arguments count as inputs. What ``fn`` returns is dropped before the step counts as over.

        Raises:
            ValueError: ``steps`` is below 1 or ``warmup`` below 0.
            TypeError: ``fn`` is not callable, or a coroutine function.
        """
        check_run(fn, steps, warmup)
        since = len(self.trace.events)
        with nullcontext() if self._depth else self:
            for tensor in tensors_in((args, kwargs)):
                self._recorder.live.label(tensor, RefType.INPUT)
            self._modules.expect((fn, *args, *kwargs.values()))
            for number in range(warmup + steps):
                self._tell_call(number, warmup, steps)
                with self._step(measured_from_here=number == warmup, follows_a_step=number > 0):
                    result = fn(*args, **kwargs)
                    self._walk_graphs_without_backward()
                    del result
        window = steps_window(self.trace, since=since, skip=warmup)
        assert window is not None  # noqa: S101 - steps were just recorded
        return self._read(window)

    @contextmanager
    def step(self) -> Generator[None]:
        """One measured step of a loop that the caller owns.

        Raises:
            RuntimeError: the tracker is not recording.
        """
        self._tell_own_step()
        with self._step():
            yield
            self._walk_graphs_without_backward()

    @contextmanager
    def _step(self, *, measured_from_here: bool = False, follows_a_step: bool = False) -> Generator[None]:
        if not self._depth:
            msg = "step() was called while nothing is recorded: use it inside `with tracker:`"
            raise RuntimeError(msg)
        # Garbage of before shall not die, and so count as freed, inside the step. A step that has just ended leaves
        # none, and a collection takes long (60 ms) where torch's compiler was imported while this records.
        if not follows_a_step:
            gc.collect()
            wait_for_late_frees(self.trace.events)
            self._settle()
        self._recorder.event(Event.STEP_BEGIN, 0)
        if measured_from_here:
            self._allocator_peaks.restart()
        try:
            yield
            self._allocator_peaks.note()
        finally:
            gc.collect()
            wait_for_late_frees(self.trace.events)
            self._settle()
            self._recorder.event(Event.STEP_END, 0)
            self._tell("")

    def mark(self, name: str) -> None:
        """Name this moment: `Footprint.at` tells what was alive."""
        self._settle()
        self.trace.marks.append(name)
        self._recorder.event(Event.MARK, len(self.trace.marks) - 1)

    def footprint(self) -> Footprint:
        """What was recorded so far, as one footprint; with `step`, orders and growth are those of the last step.

        After the context it stays what it was when the context ended, whatever dies since.
        """
        if self._depth:
            gc.collect()  # what waits in reference cycles is no leak, and when it dies depends on all that ran before
            self._walk_graphs_without_backward()
            self._allocator_peaks.note()
        return self._read(everything(self.trace, self._now()[0]))

    def _read(self, window: Window) -> Footprint:
        self._tell("reading what was recorded")
        if self._inside_ops is not None and self._depth:
            self._inside_ops.stop()
            self._inside_ops.start()
        events = self._left_at[0] if self._left_at is not None else None
        reading = Reading(self.trace, events)
        structure, where = structure_of_roots(self._recorder.names, self.trace), environment(self.trace.devices.keys)
        footprint = reading.footprint(window, structure=structure, environment=where)
        if self.on_reading is not None:
            self.on_reading(reading, window)
        if self.on_footprint is not None:
            self.on_footprint(footprint, moment(reading, window, events))
        self._tell("")
        return footprint

    @contextmanager
    def _isolated(self, part: str) -> Generator[MemTracker]:
        """Record with another tracker of the same options; there is one profiler, which this one lends to it."""
        inside = self._inside_ops
        with (
            inside.lent() if inside is not None and self._depth else nullcontext(),
            MemTracker(source_lines=self._operators.source_lines, inside_ops=inside is not None) as tracker,
        ):
            tracker.on_progress = self._telling_for(part)
            yield tracker

    def _settle(self) -> None:
        """Bring labels up to date with what the program has done without telling anyone."""
        recorder = self._recorder
        state = recorder.state()
        recorder.follow(state)
        recorder.end_failed_steps(state)
        self._modules.refresh()
        self._optimizers.refresh()
        recorder.live.label_gradients()

    def _walk_graphs_without_backward(self) -> None:
        """Autograd keeps tensors also where no backward comes: read that while the outputs are alive."""
        self._recorder.read_waiting_graphs()

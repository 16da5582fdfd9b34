"""What `MemTracker` answers in torch's words, so that users of torch's tracker switch by changing an import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch.utils.weak import WeakIdKeyDictionary

from pytest_footprint.model.fqn import natural
from pytest_footprint.report.snapshots import snapshot_text, state_snapshots_text
from pytest_footprint.trace.live import LiveView
from pytest_footprint.tracking.compat.snapshots import module_stats, peak_snapshot
from pytest_footprint.tracking.compat.words import TORCH_WORDS, ModMemStats, Snapshot, Words, snapshot
from pytest_footprint.tracking.recorder import Recorder


class TorchSurface:
    """The part of `MemTracker` that torch's has as well.

    Everything is read from the trace when it is asked for; recording does nothing for it.
    """

    _words: ClassVar[Words] = TORCH_WORDS

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._live = LiveView(recorder.trace)
        self._entered_at = 0
        self._left_at: tuple[int, int] | None = None
        """Events and labels there were when the context ended; None while it is open, and before."""
        self._stats_since = 0
        self._stats: WeakIdKeyDictionary | None = None
        self._stats_as_of = (-1, -1, -1)

    def _stats_by_row(self, first: int, last: int) -> Mapping[int, Any]:
        """The statistics of the modules, by their rows."""
        return module_stats(self._recorder.trace, first, last)

    def _settle(self) -> None:
        """Bring the trace up to date."""
        raise NotImplementedError

    def _entered(self) -> None:
        self._entered_at = len(self._recorder.trace.events)
        self._left_at = None

    def _left(self) -> None:
        self._left_at = self._now()

    def _now(self) -> tuple[int, int]:
        """How many events and labels to look at."""
        if self._left_at is not None:
            return self._left_at  # what dies after the context is no longer the tracker's business
        self._settle()
        return len(self._recorder.trace.events), len(self._recorder.trace.label_storage)

    @property
    def memory_tracking(self) -> WeakIdKeyDictionary:
        """Module -> `ModMemStats` of each module that ran since the start or since `reset_mod_stats`.

        Modules are held weakly and told apart by identity. `footprint` has the numbers of those that are dead as well.
        """
        last, labels = self._now()
        as_of = (last, labels, self._stats_since)
        if self._stats is None or self._stats_as_of != as_of:
            self._stats, self._stats_as_of = WeakIdKeyDictionary(), as_of
            by_row = self._stats_by_row(self._stats_since, last)
            for module, row in self._recorder.names.all():
                if row in by_row:
                    self._stats[module] = by_row[row]
        return self._stats

    def reset_mod_stats(self) -> None:
        """Start the statistics of modules anew. Unlike torch's tracker this one needs it in no loop."""
        self._stats_since = len(self._recorder.trace.events)

    def get_tracker_snapshot(self, type: str = "current") -> Snapshot:  # noqa: A002 - torch's name
        """Bytes alive by device: by `MemRefType` (or the plain string, ``"Parameter"``), and their ``"Total"``.

        What was given to a model from outside counts as "Other". "current" knows what tensors are so far: of what a
        forward made, all is "Activation" while it is alive. After the context it is what was alive at its end.
        "peak" is taken since the outermost context was entered, for each device at its own moment.

        Raises:
            ValueError: ``type`` is neither "current" nor "peak".
        """
        if type == "current":
            return snapshot(self._live.now(*self._now()), self._words)
        if type == "peak":
            return peak_snapshot(self._recorder.trace, self._entered_at, self._now()[0], self._words)
        msg = f"Invalid type {type}"
        raise ValueError(msg)

    def display_snapshot(
        self,
        type: str = "current",  # noqa: A002 - torch's name
        units: str = "B",
        tabulate: bool = False,  # noqa: FBT001, FBT002 - torch's signature
    ) -> None:
        """Print `get_tracker_snapshot`, in B, KiB, MiB or GiB, as lines or as a table.

        Raises:
            ValueError: an unknown type or unit.
        """
        print(snapshot_text(_plain(self.get_tracker_snapshot(type)), units, tabulate=tabulate))  # noqa: T201 - its job

    def display_modulewise_snapshots(
        self,
        depth: int = 2,
        units: str = "B",
        tabulate: bool = False,  # noqa: FBT001, FBT002 - torch's signature
    ) -> None:
        """Print the snapshots of each module whose FQN has at most ``depth`` parts, in natural order.

        Raises:
            ValueError: an unknown unit.
        """
        every: list[ModMemStats] = sorted(self.memory_tracking.values(), key=lambda stats: natural(stats.mod_fqn))
        for stats in every:
            if stats.mod_fqn.count(".") < depth:
                states = {str(state): [_plain(each) for each in calls] for state, calls in stats.snapshots.items()}
                text = state_snapshots_text(states, units, tabulate=tabulate)
                print(f"Module:  {stats.mod_fqn}", text, sep="\n")  # noqa: T201 - its job


def _plain(found: Snapshot) -> Mapping[str, Mapping[str, int]]:
    return {str(device): {str(name): nbytes for name, nbytes in row.items()} for device, row in found.items()}

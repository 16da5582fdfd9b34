"""``--mem-trace``: what the trackers of one run of one test recorded, as files; also in xdist's workers."""

from __future__ import annotations

import gzip
import platform
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_footprint.baseline.atomic import replace_atomically
from pytest_footprint.model.run import WHOLE_TEST
from pytest_footprint.pytest_plugin.node_ids import node_id
from pytest_footprint.pytest_plugin.output.run_log import outcome_after
from pytest_footprint.pytest_plugin.output.trace_paths import FORMS, TRACE, trace_path
from pytest_footprint.pytest_plugin.relative import relative
from pytest_footprint.report.memory_snapshot import memory_snapshot_bytes
from pytest_footprint.report.perfetto import perfetto_text
from pytest_footprint.trace.file import to_bytes
from pytest_footprint.trace.recorded import Recorded, Take

if TYPE_CHECKING:
    from pytest_footprint.model.footprint import Footprint
    from pytest_footprint.pytest_plugin.findings import Findings
    from pytest_footprint.trace.moment import Moment
    from pytest_footprint.tracking import MemTracker

_RUNS = pytest.StashKey[int]()
_LEVEL = 3


@dataclass(slots=True)
class _Followed:
    tracker: MemTracker
    taken: list[tuple[Footprint, Moment]] = field(default_factory=list)
    whole: tuple[Footprint, Moment] | None = None


class Traces:
    """The trackers of one run of one test, with the footprints that were taken from each."""

    def __init__(self, item: pytest.Item, folder: Path, findings: Findings) -> None:
        self._item = item
        self._folder = folder
        self._findings = findings
        self._followed: list[_Followed] = []
        self._run = item.stash[_RUNS] = item.stash.get(_RUNS, 0) + 1  # plugins that rerun a test have it anew

    def follow(self, tracker: MemTracker) -> None:
        """Write this tracker too."""
        self._followed.append(_Followed(tracker))

    def took(self, tracker: MemTracker, footprint: Footprint, moment: Moment) -> None:
        """Note a footprint that the test took with a tracker."""
        self._of(tracker).taken.append((footprint, moment))

    def _of(self, tracker: MemTracker) -> _Followed:
        return next(each for each in self._followed if each.tracker is tracker)

    def take_whole(self, tracker: MemTracker) -> Footprint:
        """All that a tracker recorded, as one footprint; it is none that the test took."""
        followed = self._of(tracker)

        def took(footprint: Footprint, moment: Moment) -> None:
            followed.whole = footprint, moment

        tracker.on_footprint = took
        return tracker.footprint()

    def write(self, report: pytest.TestReport) -> tuple[tuple[str, ...], str]:
        """Write all forms of all trackers; the trace files, as the user would type them, or what went wrong."""
        written = []
        path = self._folder
        try:
            for number, followed in enumerate(self._followed, 1):
                if followed.whole is None:
                    self.take_whole(followed.tracker)
                path = self._path(self._run, number)
                for form, content in self._forms(followed, report).items():
                    replace_atomically(path.with_name(path.name + form), content)
                written.append(self._typed(path.with_name(path.name + TRACE)))
            if self._followed:
                self._remove_what_is_older()
        except OSError as problem:
            return tuple(written), f"{self._typed(path)}: {problem.strerror or problem}"
        finally:
            self._followed.clear()
        return tuple(written), ""

    def _path(self, run: int, tracker: int) -> Path:
        return trace_path(self._folder, node_id(self._item), run=run, tracker=tracker)

    def _typed(self, path: Path) -> str:
        return str(relative(path, self._item.config.invocation_params.dir))

    def _forms(self, followed: _Followed, report: pytest.TestReport) -> dict[str, bytes]:
        assert followed.whole is not None  # noqa: S101 - taken by now
        names = self._findings.names()
        taken = [(WHOLE_TEST, *followed.whole), *((names[id(each)], each, moment) for each, moment in followed.taken)]
        times: Counter[str] = Counter()
        takes = tuple(
            Take(_told_apart(name, times), moment, each.structure, each.environment) for name, each, moment in taken
        )
        outcome = outcome_after(report, None)
        test = node_id(self._item)
        recorded = Recorded(followed.tracker.trace, takes, test, str(outcome or ""), self._about())
        lifetimes = takes[0].lifetimes(followed.tracker.trace)
        perfetto, snapshot, trace = FORMS
        return {
            perfetto: gzip.compress(perfetto_text(lifetimes, test).encode(), _LEVEL, mtime=0),
            snapshot: memory_snapshot_bytes(lifetimes),
            trace: to_bytes(recorded),
        }

    def _about(self) -> dict[str, str]:
        return {
            "pytest": pytest.__version__,
            "python": platform.python_version(),
            "platform": sys.platform,
            "run": str(self._run),
        }

    def _remove_what_is_older(self) -> None:
        """Files of more trackers or reruns of this test, which an earlier session has left."""
        self._remove(self._run, len(self._followed) + 1)
        for run in count(self._run + 1):
            if not self._remove(run, 1):
                break

    def _remove(self, run: int, tracker: int) -> bool:
        """Remove the files of a run, from this tracker on; whether there were any."""
        first = tracker
        while _removed(self._path(run, tracker)):
            tracker += 1
        return tracker > first


def _told_apart(name: str, times: Counter[str]) -> str:
    """A name that was not given before: two values may be compared with one baseline, which is an error of the test."""
    times[name] += 1
    return name if times[name] == 1 else f"{name} ({times[name]})"


def _removed(path: Path) -> bool:
    files = [each for form in FORMS if (each := path.with_name(path.name + form)).exists()]
    for file in files:
        file.unlink(missing_ok=True)
    return bool(files)

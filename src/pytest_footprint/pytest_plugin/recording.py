"""The one MemTracker of a test, and when it starts and stops."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_footprint.pytest_plugin.findings import Findings
from pytest_footprint.pytest_plugin.limit import FORM, MARKER, Limit, LimitError, limit_of
from pytest_footprint.pytest_plugin.marks import VARY_RANK
from pytest_footprint.pytest_plugin.settings import PROGRESS, SETTINGS, Settings

if TYPE_CHECKING:
    from pytest_footprint.model.footprint import Footprint
    from pytest_footprint.pytest_plugin.output.traces import Traces
    from pytest_footprint.trace.moment import Moment
    from pytest_footprint.tracking import MemTracker

_FIXTURES = frozenset({"mem_tracker", "mod_tracker", "fsdp_mem_tracker", "mem_baseline"})


class Recording:
    """Tracks one test from its first function-scoped fixture to the end of its call.

    Fixtures of a wider scope are set up before it starts: what a session builds once must not count for the test
    that happens to run first.
    """

    def __init__(self, item: pytest.Item, limit: Limit | None) -> None:
        self._settings = item.config.stash[SETTINGS]
        fixtures = frozenset(getattr(item, "fixturenames", ()))
        self.limit = limit or self._settings.limit
        self.footprint: Footprint | None = None
        """What the test took; set at the end of its call when a limit or the report needs it."""
        self.breaches: tuple[str, ...] = ()
        """Devices that went above the limit."""
        self.last: Footprint | None = None
        """The last one that the test took, kept when ranks are compared."""
        self.columns: dict[str, str] = {}
        """What others add to the row of the test in the report."""
        self.failure = ""
        """What was said of that."""
        self.in_run_file = self._settings.writes_run
        self.findings = Findings() if self._settings.findings_wanted else None
        """What the test takes and compares, when the run, its page or its traces are written."""
        self.pictures = self._settings.html is not None
        """Whether the course of each footprint is wanted, too."""
        self._traces = _traces_of(item, self._settings, self.findings)
        self._item = item
        self._tracker: MemTracker | None = None
        self._varies_rank = item.get_closest_marker(VARY_RANK) is not None
        self._wanted = self.limit is not None or "mem_tracker" in fixtures or self._varies_rank
        self._hooks = item.ihook
        self._called = False
        """Whether its call is over: a subtest has a report of the call in the middle of it."""
        self._read_at_end = (
            self.limit is not None
            or self._varies_rank
            or self._settings.reads_every_test
            or bool(self._hooks.pytest_footprint_taken.get_hookimpls())
        )
        self.concerned = self._wanted or self._settings.track_all or bool(fixtures & _FIXTURES)
        """Whether the test has anything to do with this plugin."""

    @classmethod
    def of(cls, item: pytest.Item) -> Recording:
        """Prepare to track ``item``; a limit that was added after collection and is wrong fails its set-up."""
        try:
            return cls(item, limit_of(item))
        except LimitError as problem:
            pytest.fail(f"{MARKER}: {problem}\naccepted: {FORM}", pytrace=False)

    def start_if_wanted(self) -> None:
        """Begin, unless it has begun or nobody asks.

        ``--mem-all`` never imports torch: a test that does not touch torch stays as it is.
        """
        if self._tracker is None and (self._wanted or (self._settings.track_all and "torch" in sys.modules)):
            self._start()

    def tracker(self) -> MemTracker:
        """The running tracker; there is one for each test, however many ask."""
        return self._tracker or self._start()

    def listen_to(self, tracker: MemTracker) -> None:
        """Let a tracker of this test tell of the footprints that it takes, and of how far it has come."""
        if (progress := self._item.config.stash.get(PROGRESS, None)) is not None:
            progress.follow(tracker)
        if self._traces is not None:
            self._traces.follow(tracker)
        if self._varies_rank or self.findings is not None:
            tracker.on_footprint = partial(self._took, tracker)
        if self.pictures and self.findings is not None:
            tracker.on_reading = self.findings.read

    def _took(self, tracker: MemTracker, footprint: Footprint, moment: Moment) -> None:
        self.last = footprint
        if self.findings is not None:
            self.findings.took(footprint)
        if self._traces is not None:
            self._traces.took(tracker, footprint, moment)

    def write_traces(self, report: pytest.TestReport) -> tuple[tuple[str, ...], str]:
        """Write what was recorded when the test is over: the files, as the user would type them, or what went wrong."""
        over = self._called if report.when == "call" else report.when == "setup" and report.failed
        return self._traces.write(report) if self._traces is not None and over else ((), "")

    def _start(self) -> MemTracker:
        from pytest_footprint.tracking import MemTracker  # noqa: PLC0415 - torch loads when a test is tracked

        with refusals_told_plainly():
            tracker = MemTracker(inside_ops=self._settings.inside_ops)
            self.listen_to(tracker)
            tracker.__enter__()
        # Registered before the finalizers of the test's own fixtures, so it runs after them: modes that fixtures
        # put on torch's stack have left it when the tracker leaves it.
        self._item.addfinalizer(self._stop)
        self._tracker = tracker
        return tracker

    def _stop(self) -> None:
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.__exit__(None, None, None)

    def read(self) -> None:
        """Keep what was recorded until now, if anybody is going to look at it."""
        __tracebackhide__ = True
        self._called = True
        if self._tracker is not None and self._read_at_end:
            self.footprint = self._whole(self._tracker)
            self.breaches = tuple(self.limit.breaches(self.footprint.peak)) if self.limit is not None else ()
            if self._settings.junit:
                from pytest_footprint.pytest_plugin.output.junit import set_properties  # noqa: PLC0415 - loads when wanted

                set_properties(self._item, self.footprint)
            self._hooks.pytest_footprint_taken(item=self._item, footprint=self.footprint)
            if self.footprint.peak and self._hooks.pytest_footprint_report_columns.get_hookimpls():
                from pytest_footprint.pytest_plugin.output.columns import columns_of  # noqa: PLC0415 - the same

                self.columns = columns_of(self._item, self.footprint)

    def _whole(self, tracker: MemTracker) -> Footprint:
        if self._traces is not None:
            return self._traces.take_whole(tracker)
        tracker.on_footprint = None  # that of the whole test is none that the test took
        return tracker.footprint()

    def check_limit(self) -> None:
        """Fail the test when its peak is above its limit."""
        # No frame is shown of a failure without a traceback, but where all are hidden pytest says so below it.
        if text := self.limit_text():
            self.failure = text
            pytest.fail(self.failure, pytrace=False)

    def limit_text(self) -> str:
        """What to say of a peak that is above the limit; ``""`` when it is not."""
        if not self.breaches or self.limit is None or self.footprint is None:
            return ""
        limit, footprint = self.limit, self.footprint
        from pytest_footprint.report import Breach, breach_text  # noqa: PLC0415 - tables load when one is drawn

        breaches = [Breach(device, limit.nbytes, limit.of, limit.rule) for device in self.breaches]
        return "\n\n".join(breach_text(footprint, breach, verbose=self._settings.verbose) for breach in breaches)


def _traces_of(item: pytest.Item, settings: Settings, findings: Findings | None) -> Traces | None:
    if settings.trace is None or findings is None:
        return None
    from pytest_footprint.pytest_plugin.output.traces import Traces  # noqa: PLC0415 - loads when traces are written

    return Traces(item, settings.trace, findings)


@contextmanager
def refusals_told_plainly() -> Iterator[None]:
    """Where a tracker knows that this torch is not for it, show what it says and none of its frames."""
    from pytest_footprint.tracking import UnsupportedTorchError  # noqa: PLC0415 - loads torch

    try:
        yield
    except UnsupportedTorchError as refused:
        raise pytest.fail.Exception(str(refused), pytrace=False) from None


RECORDING = pytest.StashKey[Recording]()


def forget(item: pytest.Item) -> None:
    """Drop the recording of a finished test: pytest keeps its items, and so every footprint, until the run ends."""
    if RECORDING in item.stash:
        del item.stash[RECORDING]

"""`mem_baseline` as a syrupy assertion: the only file that knows syrupy.

syrupy gives the ``assert value == snapshot`` style, the update flags and the summary line. Where baselines lie, what
they say and when two of them are equal is ours. syrupy never judges or deletes our files.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syrupy.assertion import SnapshotAssertion
from syrupy.data import SnapshotCollection, SnapshotCollections
from syrupy.extensions.base import AbstractSyrupyExtension
from syrupy.location import PyTestLocation

from pytest_footprint.baseline import BaselineWriteError, baseline_path, write_atomically
from pytest_footprint.baseline.kinds import Value
from pytest_footprint.model.run import CheckVerdict
from pytest_footprint.model.tolerance import Tolerance
from pytest_footprint.pytest_plugin.baseline_check import BaselineCheck, check
from pytest_footprint.pytest_plugin.check_log import CHECK_LOG, CheckLog
from pytest_footprint.pytest_plugin.explained import Explained
from pytest_footprint.pytest_plugin.findings import Findings, Stored
from pytest_footprint.pytest_plugin.measured import device_key, measured
from pytest_footprint.pytest_plugin.node_ids import from_root
from pytest_footprint.pytest_plugin.rank_files import RankFiles
from pytest_footprint.pytest_plugin.recording import RECORDING
from pytest_footprint.pytest_plugin.settings import SETTINGS
from pytest_footprint.pytest_plugin.texts import not_written, update_command, used_twice
from pytest_footprint.pytest_plugin.unnamed import order_note

if TYPE_CHECKING:
    import pytest
    from syrupy.types import SerializedData, SnapshotIndex


class BaselineLocation(PyTestLocation):
    """The test of a check. Its files lie outside ``__snapshots__``, so syrupy need not relate them to it."""

    def matches_snapshot_location(self, snapshot_location: str) -> bool:
        """Take every file for one of this test, so that syrupy does not warn."""
        return True

    def matches_snapshot_name(self, snapshot_name: str) -> bool:
        """Take every name for one of this test, so that syrupy does not warn."""
        return True


class BaselineExtension(AbstractSyrupyExtension):
    """Files named by their full path: the ``index`` of a check is the path of its baseline."""

    file_extension = "toml"

    def serialize(self, data: str, **_: object) -> str:
        """Keep the text: `MemBaseline` has encoded the value."""
        return data

    @classmethod
    def get_location(cls, *, index: SnapshotIndex, **_: object) -> str:
        """Path of the file."""
        return str(index)

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0, **_: object) -> str:
        """What syrupy's report calls it."""
        return f"{test_location.snapshot_name} {Path(str(index)).name}"

    def discover_snapshots(self, **_: object) -> SnapshotCollections:
        """Find nothing: what is not discovered is never called unused, nor deleted."""
        return SnapshotCollections()

    def read_snapshot_collection(self, *, snapshot_location: str, **_: object) -> SnapshotCollection:
        """List nothing, as there is nothing to judge."""
        return SnapshotCollection(location=snapshot_location)

    def read_snapshot_data_from_location(self, *, snapshot_location: str, **_: object) -> SerializedData | None:
        """The stored text, damaged or not; ``None`` when there is no file or it cannot be opened."""
        try:
            return Path(snapshot_location).read_text("utf-8", errors="replace")
        except OSError:
            return None

    @classmethod
    def write_snapshot(cls, **_: object) -> None:
        """Do nothing: `MemBaseline` writes.

        Before 6.0 syrupy does so when the run is over, too late for a full disk to fail the test.
        """

    @classmethod
    def write_snapshot_collection(cls, **_: object) -> None:
        """Do nothing, as `write_snapshot`."""

    def delete_snapshots(self, **_: object) -> None:
        """Delete nothing: a baseline is its owner's to remove."""


class MemBaseline(SnapshotAssertion, Explained):
    """The right-hand side of ``assert footprint == mem_baseline``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._item: pytest.Item = self.test_location.item
        self._settings = self._item.config.stash[SETTINGS]
        self._log = self._item.stash.setdefault(CHECK_LOG, CheckLog())
        self.label: str | None = None
        """Tells several baselines of one test apart."""
        self.tolerance = self._settings.tolerance
        self._path = Path()
        self._files = RankFiles(self._path, str)

    def __call__(  # type: ignore[override] # no option of other snapshots makes sense here
        self, *, name: str | None = None, tolerance: object = None, **others: object
    ) -> MemBaseline:
        """The same baseline under another name, or with another tolerance.

        Args:
            name: tells several baselines of one test apart.
            tolerance: ``"2%"``, ``0.02`` or ``"1MiB"``; how far a byte count may be from its baseline.
            others: options of other snapshots, none of which a memory baseline has.

        Raises:
            TypeError: an option that memory baselines do not have is given.
            ValueError: the tolerance is not one.
        """
        if others:
            msg = f"mem_baseline takes name= and tolerance=, not {', '.join(others)}="
            raise TypeError(msg)
        return baseline_of(
            self._item,
            label=self.label if name is None else name,
            tolerance=self.tolerance if tolerance is None else Tolerance.parse(tolerance),
        )

    def with_defaults(self, *, tolerance: object = None, **others: object) -> MemBaseline:
        """The same baseline with another tolerance for all checks that set none: for a conftest's own ``mem_baseline``.

        Args:
            tolerance: as for a call; it goes before the option and the ini value.
            others: defaults of other snapshots, none of which a memory baseline has.

        Raises:
            TypeError: a default that memory baselines do not have is given.
            ValueError: the tolerance is not one.
        """
        if others:
            msg = f"mem_baseline.with_defaults takes tolerance=, not {', '.join(others)}="
            raise TypeError(msg)
        return self(tolerance=tolerance)

    @property
    def index(self) -> SnapshotIndex:
        """Path of the baseline of the latest check: that is what `BaselineExtension` takes it for."""
        return str(self._path)

    def __eq__(self, other: object) -> bool:
        """Compare with what is stored, or store it when this run updates.

        Raises:
            TypeError: ``other`` is nothing that a baseline can hold.
        """
        done = self._check(measured(other))
        self._path = done.path
        verdict = self._judge(done)
        recording = self._item.stash.get(RECORDING, None)
        if recording is not None and recording.findings is not None:
            recording.findings.compared(
                done.value,
                done.result(verdict, self._check_name(), self._log.failure, self._item.config),
                self._stored(done, verdict, recording.findings) if recording.pictures else None,
            )
        return not self._log.failure

    def _stored(self, done: BaselineCheck, verdict: CheckVerdict, findings: Findings) -> Stored:
        from pytest_footprint.pytest_plugin.courses import stored  # noqa: PLC0415 - loads when a page is written

        return stored(self._item.config, done, verdict, findings.course_of(done.value))

    def _judge(self, done: BaselineCheck) -> CheckVerdict:
        """Decide whether the check passes, and note the text of its failure if not."""
        if done.path in self._log.checked and not done.holds:
            self._log.failure = used_twice(done.shown_path)
            return CheckVerdict.SHARED
        self._log.checked.add(done.path)
        self._log.asked += [from_root(path, self._item.config) for path in {done.path, self._files.own}]
        allowed = super().__eq__(done.content())
        if error := self.executions[self.num_executions - 1].exception:
            raise error
        if done.holds:
            self._log.failure = ""
            if self._settings.update:
                self._files.drop_equal(self._log.updates)
        elif allowed:
            self._log.failure = self._write(done)
            return CheckVerdict.NOT_WRITTEN if self._log.failure else CheckVerdict.WRITTEN
        else:
            self._log.failure = done.failure(verbose=self._settings.verbose, note=self._order_note(done))
        return done.verdict

    def _order_note(self, done: BaselineCheck) -> str:
        if self.label is not None:
            return ""
        return order_note(
            done.value, self._log.unnamed, lambda at: self._files_of(done.device, at).held, self.tolerance
        )

    def _files_of(self, key: str, index: int) -> RankFiles:
        path_of = partial(_path, self._item.path, self.label, key, index)
        return RankFiles.of(self._item, path_of)

    def _check_name(self) -> str:
        if self.label is not None:
            return f"check {self.label!r}"
        return "check" if self._log.unnamed == 1 else f"check {self._log.unnamed}"

    __hash__ = None  # type: ignore[assignment] # as SnapshotAssertion: its equality changes with what is stored

    def _check(self, value: Value) -> BaselineCheck:
        if self.label is None:
            self._log.unnamed += 1
        index = self._log.unnamed if self.label is None else 1
        key = self._item.ihook.pytest_footprint_device_key(item=self._item, value=value) or device_key(value)
        self._files = files = self._files_of(key, index)
        path = files.held
        asked = BaselineCheck(path, files.shown(path), value, update_command(self._item), key, files.note(path))
        done = check(asked, self.tolerance)
        found = None if done.stored is None else done.comparison
        self._item.ihook.pytest_footprint_compared(item=self._item, path=path, value=value, comparison=found)
        return done

    def _write(self, done: BaselineCheck) -> str:
        """Store what was measured; the text of the failure, or ``""``."""
        own = self._files.own
        try:
            write_atomically(own, done.content())
        except BaselineWriteError as problem:
            return not_written(str(problem).replace(str(own), self._files.shown(own)))
        stored = done.stored if own == done.path else None
        self._log.updates.append(replace(done, shown_path=self._files.shown(own), stored=stored).update())
        self._files.drop_equal(self._log.updates)
        return ""

    def explanation(self) -> list[str]:
        """What the latest check of this test has to say, line by line; nothing when it passed."""
        return self._log.failure.splitlines()

    def get_assert_diff(self, **_: object) -> list[str]:
        """Our words instead of syrupy's diff of texts, which would also take its time."""
        return self.explanation()

    def __repr__(self) -> str:
        return self.SHOWN_AS


def baseline_of(item: pytest.Item, *, label: str | None = None, tolerance: Tolerance | None = None) -> MemBaseline:
    """An assertion for ``item``, with its own name and tolerance."""
    settings = item.config.stash[SETTINGS]
    baseline = MemBaseline(
        session=getattr(item.config, "_syrupy"),  # noqa: B009 - syrupy offers no public way to its session
        extension_class=BaselineExtension,
        test_location=BaselineLocation(item),
        update_snapshots=settings.update,
        update_new_snapshots_only=item.config.option.update_new_snapshots_only,
    )
    baseline.label, baseline.tolerance = label, tolerance or settings.tolerance
    return baseline


def _path(folder: Path, label: str | None, key: str, index: int, test: str) -> Path:
    return baseline_path(folder, test, label, key, index=index)

"""`mem_baseline` as a syrupy assertion: with `syrupy_files.py` all that knows syrupy.

syrupy gives the ``assert value == snapshot`` style, the update flags and the summary line. Where baselines lie, what
they say and when two of them are equal is ours. syrupy never judges or deletes our files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syrupy.assertion import SnapshotAssertion

from pytest_footprint.baseline import BaselineWriteError, baseline_path, write_atomically
from pytest_footprint.baseline.kinds import Value
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.run import CheckResult, CheckVerdict
from pytest_footprint.model.tolerance import Tolerance
from pytest_footprint.pytest_plugin.baselines.check import BaselineCheck, check
from pytest_footprint.pytest_plugin.baselines.check_log import CHECK_LOG, CheckLog
from pytest_footprint.pytest_plugin.baselines.explained import Explained
from pytest_footprint.pytest_plugin.baselines.rank_files import RankFiles
from pytest_footprint.pytest_plugin.baselines.syrupy_files import BaselineExtension, BaselineLocation
from pytest_footprint.pytest_plugin.baselines.unnamed import order_note
from pytest_footprint.pytest_plugin.findings import Findings, Stored
from pytest_footprint.pytest_plugin.measured import device_key, measured
from pytest_footprint.pytest_plugin.node_ids import from_root
from pytest_footprint.pytest_plugin.ranks.together import Candidates, checked_ranks, together
from pytest_footprint.pytest_plugin.recording import RECORDING, Recording
from pytest_footprint.pytest_plugin.settings import SETTINGS
from pytest_footprint.pytest_plugin.texts import not_written, update_command, used_twice

if TYPE_CHECKING:
    import pytest
    from syrupy.types import SnapshotIndex


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
        self.ranks: tuple[int, ...] | None = None
        """Ranks that make the check together; all when ``None``."""
        self._path = Path()
        self._files = RankFiles(self._path, str)
        self._compared_with: Stored | None = None
        """What the latest check compared with, where pictures are wanted."""

    def __call__(  # type: ignore[override] # no option of other snapshots makes sense here
        self,
        *,
        name: str | None = None,
        tolerance: object = None,
        ranks: Iterable[int] | None = None,
        **others: object,
    ) -> MemBaseline:
        """The same baseline under another name, with another tolerance, or of some ranks.

        Args:
            name: tells several baselines of one test apart.
            tolerance: ``"2%"``, ``0.02`` or ``"1MiB"``; how far a byte count may be from its baseline.
            ranks: those that make this check, where not all do: ``[0, 1]``. Of no matter to a single process.
            others: options of other snapshots, none of which a memory baseline has.

        Raises:
            TypeError: an option that memory baselines do not have is given.
            ValueError: the tolerance is not one, or ``ranks`` names none.
        """
        if others:
            msg = f"mem_baseline takes name=, tolerance= and ranks=, not {', '.join(others)}="
            raise TypeError(msg)
        return baseline_of(
            self._item,
            label=self.label if name is None else name,
            tolerance=self.tolerance if tolerance is None else Tolerance.parse(tolerance),
            ranks=self.ranks if ranks is None else checked_ranks(ranks),
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
        value = measured(other)
        if self.label is None:
            self._log.unnamed += 1
        joint = together(self._item, value, self.ranks)
        self._compared_with = None
        failure, result = joint.check(self._check_name(), self._compare) if joint else self._compare(Candidates(value))
        self._log.failure = failure
        recording = self._recording()
        if recording is not None and recording.findings is not None and result is not None:
            recording.findings.compared(value, result, self._compared_with)
        return not failure

    def _compare(self, candidates: Candidates) -> tuple[str, CheckResult]:
        """The text of the failure, or ``""``, and the result."""
        done = candidates.choose(self._check)
        self._files = self._files_of(done.device, self._number())
        found = None if done.stored is None else done.main
        self._item.ihook.pytest_footprint_compared(item=self._item, path=done.path, value=done.value, comparison=found)
        self._path = done.path
        verdict = self._judge(done)
        if (recording := self._recording()) is not None and recording.pictures and recording.findings is not None:
            self._compared_with = self._stored(done, verdict, recording.findings)
        return self._log.failure, done.result(verdict, self._check_name(), self._log.failure, self._item.config)

    def _recording(self) -> Recording | None:
        return self._item.stash.get(RECORDING, None)

    def _stored(self, done: BaselineCheck, verdict: CheckVerdict, findings: Findings) -> Stored:
        from pytest_footprint.pytest_plugin.output.courses import stored  # noqa: PLC0415 - loads when a page is written

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
        if self.label is not None or isinstance(done.value, RankValues):
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

    def _check(self, value: Value, suffix: str) -> BaselineCheck:
        device = self._item.ihook.pytest_footprint_device_key(item=self._item, value=value) or device_key(value)
        key = f"{device}{suffix}"
        files = self._files_of(key, self._number())
        path = files.held
        asked = BaselineCheck(path, files.shown(path), value, update_command(self._item), key, files.note(path))
        return check(asked, self.tolerance)

    def _number(self) -> int:
        """Of this check among those of its test that go by the same name."""
        return self._log.unnamed if self.label is None else 1

    def _write(self, done: BaselineCheck) -> str:
        """Store what was measured; the text of the failure, or ``""``."""
        own, text = self._files.own, done.content()
        try:
            write_atomically(own, text)
        except BaselineWriteError as problem:
            return not_written(str(problem).replace(str(own), self._files.shown(own)))
        stored = done.stored if own == done.path else None
        update = replace(done, shown_path=self._files.shown(own), stored=stored).update()
        self._log.updates.append(replace(update, file=from_root(own, self._item.config), text=text))
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


def baseline_of(
    item: pytest.Item,
    *,
    label: str | None = None,
    tolerance: Tolerance | None = None,
    ranks: tuple[int, ...] | None = None,
) -> MemBaseline:
    """An assertion for ``item``, with its own name, tolerance and ranks."""
    settings = item.config.stash[SETTINGS]
    baseline = MemBaseline(
        session=getattr(item.config, "_syrupy"),  # noqa: B009 - syrupy offers no public way to its session
        extension_class=BaselineExtension,
        test_location=BaselineLocation(item),
        update_snapshots=settings.update,
        update_new_snapshots_only=item.config.option.update_new_snapshots_only,
    )
    baseline.label, baseline.tolerance, baseline.ranks = label, tolerance or settings.tolerance, ranks
    return baseline


def _path(folder: Path, label: str | None, key: str, index: int, test: str) -> Path:
    return baseline_path(folder, test, label, key, index=index)

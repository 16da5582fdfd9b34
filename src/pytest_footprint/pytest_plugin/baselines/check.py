"""One comparison of a value with its stored baseline, and what to tell the user about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pytest_footprint.baseline import BaselineFormatError, encode, other_devices, read
from pytest_footprint.baseline.kinds import Value, kind_of
from pytest_footprint.comparison import compare, compare_ranks
from pytest_footprint.model.comparison import Comparison
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.rank_comparison import RankComparison
from pytest_footprint.model.rank_footprints import RankFootprints, peak_of
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.run import CheckResult, CheckVerdict
from pytest_footprint.model.tolerance import Tolerance
from pytest_footprint.pytest_plugin.relative import relative
from pytest_footprint.pytest_plugin.results import BaselineUpdate
from pytest_footprint.pytest_plugin.texts import elsewhere, missing
from pytest_footprint.report import brief, failure_text, headline, ranks_failure_text
from pytest_footprint.report.failure import difference_parts

if TYPE_CHECKING:
    import pytest

_NO_DIFFERENCE = Comparison()


@dataclass(frozen=True, slots=True)
class BaselineCheck:
    """What is stored at ``path``, what was measured, and how the two differ."""

    path: Path
    shown_path: str
    """As the user would type it."""
    value: Value
    command: str
    """What writes this baseline again."""
    device: str
    """Key of the machines that share it."""
    note: str = ""
    """What else there is to say of a difference."""
    stored: Value | None = None
    """``None`` when nothing is stored, or nothing that can be read."""
    comparison: Comparison | RankComparison = _NO_DIFFERENCE
    problem: str = ""
    """Why the stored baseline cannot be read; ``""`` when it can, or when there is none."""

    @property
    def holds(self) -> bool:
        """Whether the value is what is stored, within the tolerance."""
        return self.stored is not None and not self.comparison

    @property
    def verdict(self) -> CheckVerdict:
        """What the file says to this value."""
        if self.problem:
            return CheckVerdict.UNREADABLE
        if self.stored is None:
            return CheckVerdict.MISSING
        return CheckVerdict.DIFFERS if self.comparison else CheckVerdict.HOLDS

    @property
    def main(self) -> Comparison:
        """The comparison; of several ranks that of those that grew most."""
        return self.comparison.main if isinstance(self.comparison, RankComparison) else self.comparison

    def result(self, verdict: CheckVerdict, name: str, failure: str, config: pytest.Config) -> CheckResult:
        """What machines read of this check, which came to ``verdict``; of several ranks, of those that grew most."""
        return CheckResult(
            name=name,
            kind=kind_of(self.value),
            baseline=relative(self.path, config.rootpath).as_posix(),
            verdict=verdict,
            says=failure.partition("\n")[0],
            sizes=self.main.sizes,
            culprits=self.main.culprits,
        )

    def content(self) -> str:
        """What the file should hold: its present text while that holds, so that an update leaves it alone."""
        return self.path.read_text("utf-8") if self.holds else encode(self.value)

    def update(self) -> BaselineUpdate:
        """The row of the summary once the value is written."""
        before = "unreadable" if self.problem else "" if self.stored is None else brief(self.stored)
        return BaselineUpdate(self.shown_path, before, brief(self.value), _peak(self.stored), _peak(self.value))

    def failure(self, *, verbose: bool, note: str = "") -> str:
        """Text for the user when the value is not what is stored; ``note`` is what else there is to say."""
        if self.problem:
            return f"memory baseline cannot be read: {self.problem}"
        if self.stored is None:
            notes = (elsewhere(self.device, other_devices(self.path)), note)
            return missing(self.shown_path, self.value, self.command, notes)
        said = "\n".join(filter(None, (self.note, note)))
        if isinstance(self.comparison, RankComparison):
            before, after = cast("RankValues[Any]", self.stored), cast("RankValues[Any]", self.value)
            text = ranks_failure_text(self.comparison, before, after, accept=self.command, verbose=verbose)
            return f"{text}\n{said}" if said else text
        return failure_text(self.comparison, accept=self.command, verbose=verbose, note=said)

    def difference(self) -> str:
        """All that differs, in full; ``""`` where nothing does, or where there is nothing to differ from."""
        return "\n\n".join(difference_parts(self.main, headline(self.main), verbose=True)) if self.main else ""


def _peak(value: Value | None) -> int | None:
    if isinstance(value, RankFootprints):
        value = value.max
    return peak_of(value) if isinstance(value, Footprint) else None


def check(unknown: BaselineCheck, tolerance: Tolerance) -> BaselineCheck:
    """Read the baseline that ``unknown`` names and compare its value with it."""
    path, shown_path, value, command = unknown.path, unknown.shown_path, unknown.value, unknown.command
    of_ranks = isinstance(value, RankValues)
    kind = type(value.common if isinstance(value, RankValues) else value)
    try:
        stored = read(path, kind=kind, of_ranks=of_ranks, renew=command)
    except FileNotFoundError:
        return unknown
    except BaselineFormatError as problem:
        return replace(unknown, problem=str(problem).replace(str(path), shown_path))
    except OSError as problem:
        return replace(unknown, problem=f"{shown_path}: {problem.strerror}")
    return replace(unknown, stored=stored, comparison=_compare(stored, value, tolerance))


def _compare(stored: Value, value: Value, tolerance: Tolerance) -> Comparison | RankComparison:
    """Both are of one kind: `read` has made sure of that."""
    if isinstance(stored, RankValues) and isinstance(value, RankValues):
        return compare_ranks(stored, value, tolerance)
    return compare(stored, value, tolerance)  # type: ignore[type-var]

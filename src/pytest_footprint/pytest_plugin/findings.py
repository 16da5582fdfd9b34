"""What one run of one test took and compared, kept for ``--mem-json``, ``--mem-html`` and ``--mem-trace``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_footprint.baseline.kinds import Value
    from pytest_footprint.model.footprint import Footprint
    from pytest_footprint.model.run import CheckResult, LimitVerdict
    from pytest_footprint.pytest_plugin.limit import Limit
    from pytest_footprint.trace.reading import Reading
    from pytest_footprint.trace.window import Window


@dataclass(frozen=True, slots=True)
class Stored:
    """What a footprint was compared with."""

    footprint: Footprint | None = None
    course: str = ""
    """Of an earlier run that the baseline held for."""
    difference: str = ""
    """The whole text of how the two differ."""


class Findings:
    """Footprints under their names, in the order in which they were taken, and the checks of baselines."""

    def __init__(self) -> None:
        self._taken: list[tuple[str, Footprint]] = []
        self._checked: set[int] = set()
        """Places of footprints that go by the name of a check."""
        self._checks: list[CheckResult] = []
        self._course = ""
        """Of what was read last, packed; ``""`` unless `read` is told."""
        self._courses: dict[int, str] = {}
        """Place of a footprint -> its course."""
        self._stored: dict[str, Stored] = {}
        """Name of a footprint -> what it was compared with."""

    def read(self, reading: Reading, window: Window) -> None:
        """Keep the course of what is read, for a picture of it."""
        from pytest_footprint.report.page.columns import packed  # noqa: PLC0415 - loads when a picture is wanted
        from pytest_footprint.trace.lifetimes import lifetimes  # noqa: PLC0415 - the same

        self._course = packed(lifetimes(reading, window))

    def took(self, footprint: Footprint) -> None:
        """Note what ``run`` or ``footprint`` of a tracker returned."""
        count = len(self._taken) + 1
        self._courses[count - 1] = self._course
        self._taken.append(("run" if count == 1 else f"run {count}", footprint))

    def course_of(self, value: Value) -> str:
        """The course of a footprint that was taken; ``""`` where it is not known."""
        places = [place for place, (_, footprint) in enumerate(self._taken) if footprint is value]
        return self._courses.get(places[0], "") if places else ""

    def compared(self, value: Value, result: CheckResult, stored: Stored | None = None) -> None:
        """Note a check; a footprint that was taken before goes by the name of its first check from now on.

        Args:
            value: what was compared.
            result: what came of it.
            stored: what it was compared with, where that is wanted.
        """
        self._checks.append(result)
        if stored is not None:
            self._stored[result.name] = stored
        if result.kind != "footprint":
            return
        places = [place for place, (_, footprint) in enumerate(self._taken) if footprint is value]
        if not places:
            self._checked.add(len(self._taken))
            self._taken.append((result.name, value))  # type: ignore[arg-type] # its kind says that it is a footprint
        elif places[0] not in self._checked:
            self._checked.add(places[0])
            self._taken[places[0]] = (result.name, self._taken[places[0]][1])

    def names(self) -> dict[int, str]:
        """Identity of each footprint -> the name that it goes by until now."""
        return {id(footprint): name for name, footprint in self._taken}

    def devices(self, whole: Footprint | None) -> tuple[str, ...]:
        """What the footprints say that they were taken on."""
        footprints = [footprint for _, footprint in self._taken] + ([whole] if whole is not None else [])
        return tuple(sorted({each.environment["device"] for each in footprints if "device" in each.environment}))

    def pictures(self, whole: Footprint | None) -> str:
        """What `read` kept, as JSON: a list of `Picture`. What was read last is the whole test, where there is one."""
        from pytest_footprint.model.codec import to_plain  # noqa: PLC0415 - loads when it is wanted
        from pytest_footprint.model.picture import Picture  # noqa: PLC0415 - the same
        from pytest_footprint.model.run import WHOLE_TEST  # noqa: PLC0415 - the same

        found = [Picture(WHOLE_TEST, self._course)] if whole is not None else []
        for place, (name, _) in enumerate(self._taken):
            stored = self._stored.get(name, Stored())
            course = self._courses.get(place, "")
            found.append(Picture(name, course, stored.footprint, stored.course, stored.difference))
        return json.dumps([to_plain(each) for each in found], separators=(",", ":"))

    def text(self, whole: Footprint | None, limit: Limit | None) -> str:
        """All of it as JSON.

        Args:
            whole: the footprint of the whole test, where there is one.
            limit: what that was held against, where there is one.
        """
        from pytest_footprint.model.run import WHOLE_TEST, TakenFootprint  # noqa: PLC0415 - loads when it is wanted
        from pytest_footprint.model.run_json import findings  # noqa: PLC0415 - the same

        named = ([(WHOLE_TEST, whole)] if whole is not None else []) + self._taken
        limits = [] if whole is None or limit is None else _verdicts(whole, limit)
        return findings([TakenFootprint(*each) for each in named], limits, self._checks)


def _verdicts(footprint: Footprint, limit: Limit) -> list[LimitVerdict]:
    from pytest_footprint.model.run import LimitVerdict  # noqa: PLC0415 - loads when it is wanted

    return [
        LimitVerdict(
            device, limit.of, limit.nbytes, usage[limit.of], exceeded=usage[limit.of] > limit.nbytes, rule=limit.rule
        )
        for device, usage in footprint.peak.items()
        if limit.covers(device)
    ]

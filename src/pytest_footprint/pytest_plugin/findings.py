"""What one run of one test took and compared, kept for ``--mem-json`` and ``--mem-trace``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_footprint.baseline.kinds import Value
    from pytest_footprint.model.footprint import Footprint
    from pytest_footprint.model.run import CheckResult, LimitVerdict
    from pytest_footprint.pytest_plugin.limit import Limit


class Findings:
    """Footprints under their names, in the order in which they were taken, and the checks of baselines."""

    def __init__(self) -> None:
        self._taken: list[tuple[str, Footprint]] = []
        self._checked: set[int] = set()
        """Places of footprints that go by the name of a check."""
        self._checks: list[CheckResult] = []

    def took(self, footprint: Footprint) -> None:
        """Note what ``run`` or ``footprint`` of a tracker returned."""
        count = len(self._taken) + 1
        self._taken.append(("run" if count == 1 else f"run {count}", footprint))

    def compared(self, value: Value, result: CheckResult) -> None:
        """Note a check; a footprint that was taken before goes by the name of its first check from now on."""
        self._checks.append(result)
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

"""Which stored baselines nobody asks for any more: decided from what a complete run has seen."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_footprint.baseline.paths import ANY_DEVICE, FileName, folder_of, test_part

_NO_PARAMETERS = "[NOTSET]"
"""How pytest ends the id of a test whose list of parameters is empty."""
_ACCELERATOR = re.compile(r"(?<![a-z])(?:cuda|gpu|xpu|mps|mtia|hpu|npu|xla|maia)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RanFile:
    """A test file that ran completely: every test in it was collected and came to an end."""

    path: Path
    unreached: frozenset[str] = frozenset()
    """Ids of tests that did not pass: checks of theirs may not have been reached."""


def orphans(
    stored: Iterable[Path], asked: Iterable[Path], ran: Iterable[RanFile], without_test: Collection[Path] = ()
) -> tuple[Path, ...]:
    """Baselines that no check asks for any more, in the order of ``stored``.

    In doubt a baseline is none: one of a device that the run did not have, one of a test that did not pass, and all of
    test files that did not run completely.

    Args:
        stored: paths of baseline files.
        asked: baselines that the run compared or wrote.
        ran: the test files that ran completely.
        without_test: folders of baselines whose test file does not exist any more.
    """
    named = [(path, name) for path in stored if (name := FileName.of(path))]
    devices = _devices(asked := frozenset(asked))
    elsewhere = _tests_elsewhere(named, devices)
    claimed = {(path.parent, name.check) for path in asked if (name := FileName.of(path))}
    unreached: dict[Path, set[str]] = {folder: set() for folder in without_test}
    for file in ran:
        unreached.setdefault(folder_of(file.path), set()).update(file.unreached)
    return tuple(
        path
        for path, name in named
        if path.parent in unreached
        and name.device in devices
        # On another device the same check has another file.
        and (path.parent, name.check) not in claimed
        and (path.parent, name.test) not in elsewhere
        and not _needs_another_device(name.test, devices)
        and not any(_is_of(name, test_id) for test_id in unreached[path.parent])
    )


def _is_of(name: FileName, test_id: str) -> bool:
    if test_id.endswith(_NO_PARAMETERS):
        return name.test.startswith(test_part(test_id.removesuffix(_NO_PARAMETERS)) + "[")
    return name.test == test_part(test_id)


def _devices(asked: Iterable[Path]) -> frozenset[str]:
    """Keys of the run. What an accelerator was asked for, a machine without one may have stored for its CPU."""
    keys = {name.device for path in asked if (name := FileName.of(path))} - {ANY_DEVICE}
    return frozenset({ANY_DEVICE, *(keys or {"cpu"})})


def _needs_another_device(test: str, devices: frozenset[str]) -> bool:
    """Whether the test is named after an accelerator where there was none: it may exist only there."""
    return devices <= {ANY_DEVICE, "cpu"} and _ACCELERATOR.search(test) is not None


def _tests_elsewhere(named: Iterable[tuple[Path, FileName]], devices: frozenset[str]) -> frozenset[tuple[Path, str]]:
    """Tests that have baselines of other devices and none of those of the run."""
    found: dict[tuple[Path, str], set[str]] = {}
    for path, name in named:
        if name.device != ANY_DEVICE:
            found.setdefault((path.parent, name.test), set()).add(name.device)
    return frozenset(test for test, keys in found.items() if not keys & devices)

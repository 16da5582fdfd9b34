"""What a person reads when a training step is not what it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pytest_footprint.baseline import decode, encode
from pytest_footprint.comparison import compare
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.report import failure_text
from pytest_footprint.tracking import MemTracker

ACCEPT = "pytest test_train.py::test_step --mem-baseline-update"


class Trainer(Protocol):
    """Something that can learn from one batch."""

    def step(self) -> None: ...


def footprint(build: Callable[[], Trainer]) -> Footprint:
    """The third step of a trainer that is built while recording, as fixtures record."""
    with MemTracker() as tracker:
        return tracker.run(build().step, warmup=2)


def stored(build: Callable[[], Trainer]) -> Footprint:
    """The footprint of a good trainer, as it comes back from its baseline."""
    value = decode(encode(footprint(build)), kind=Footprint)
    assert isinstance(value, Footprint)
    return value


@dataclass(frozen=True)
class Failure:
    """The message of a test, in the parts that a reader sees first."""

    text: str

    @property
    def headline(self) -> str:
        """All that pytest's short summary shows."""
        return self.text.partition("\n")[0]

    @property
    def paragraph(self) -> str:
        """The headline and what is said right below it, without line breaks."""
        return " ".join(self.text.partition("\n\n")[0].split())

    def rows(self, part: str) -> list[str]:
        """Lines that contain ``part``; spaces between columns count as one."""
        lines = (" ".join(line.split()) for line in self.text.splitlines())
        return [line for line in lines if part in line]


def failure(before: Footprint, build: Callable[[], Trainer]) -> Failure:
    """What a test says whose baseline is ``before``.

    Raises:
        AssertionError: it says nothing.
    """
    comparison = compare(before, footprint(build))
    assert comparison, "this regression is not seen"
    return Failure(failure_text(comparison, accept=ACCEPT))

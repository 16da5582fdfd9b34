"""A whole run of a test suite, as machines read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Culprit, SizeChange
from pytest_footprint.model.footprint import Footprint

WHOLE_TEST = "test"
"""Name of the footprint of a whole test, from its first function-scoped fixture to the end of its call."""


@unique
class Outcome(StrEnum):
    """How a test ended, in pytest's words."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """Its set-up or teardown failed."""
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"


@unique
class CheckVerdict(StrEnum):
    """What became of one comparison with a stored baseline."""

    HOLDS = "holds"
    DIFFERS = "differs"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    WRITTEN = "written"
    """New or changed, and stored by this run."""
    NOT_WRITTEN = "not written"
    SHARED = "shared"
    """Another value of the same test was compared with the same baseline before."""


@dataclass(frozen=True, slots=True)
class TakenFootprint:
    """A footprint of a test, under a name that no other footprint of the test has.

    ``test`` is the whole test; ``run``, ``run 2`` what ``mem_tracker.run`` or ``.footprint`` returned, in that order;
    ``check``, ``check 2``, ``check 'name'`` what was compared with ``mem_baseline`` or ``mem_baseline(name="name")``.
    """

    name: str
    footprint: Footprint


@dataclass(frozen=True, slots=True)
class LimitVerdict:
    """A limit of a test, on one device that it covers."""

    device: str
    of: str
    """``total`` or a reference type."""
    limit: ByteSize
    peak: ByteSize
    exceeded: bool
    rule: str
    """What set the limit, as the user wrote it."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One comparison of a value with its stored baseline."""

    name: str
    """As `TakenFootprint.name`."""
    kind: str
    """``footprint``, ``hierarchy`` or ``structure``."""
    baseline: str
    """Path of the file from pytest's root directory, with ``/``."""
    verdict: CheckVerdict
    says: str = ""
    """The first line of the failure; ``""`` when there is none."""
    sizes: tuple[SizeChange, ...] = ()
    """Byte counts that left their tolerance."""
    culprits: tuple[Culprit, ...] = ()
    """The tensors behind that."""


@dataclass(frozen=True, slots=True)
class RecordedTest:
    """One test of a run, tracked or not."""

    test: str
    """Its node id."""
    outcome: Outcome
    footprints: tuple[TakenFootprint, ...] = ()
    limits: tuple[LimitVerdict, ...] = ()
    checks: tuple[CheckResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """What the run ran on."""

    python: str
    pytest: str
    torch: str
    """Version of the installed torch."""
    platform: str
    """``linux``, ``darwin``, ``win32``."""
    plugins: Mapping[str, str]
    """pytest plugin -> version, of all that are installed and not blocked."""
    devices: tuple[str, ...]
    """The devices on which footprints were taken, as baselines name them: ``cpu``, ``cuda-NVIDIA-H200``."""


@dataclass(frozen=True, slots=True)
class Times:
    """All that differs between two runs of the same code."""

    started: str = ""
    """ISO 8601, UTC."""
    seconds: float = 0.0
    """From start to end."""
    tests: Mapping[str, float] = field(default_factory=dict)
    """Node id -> seconds of set-up, call and teardown."""


@dataclass(frozen=True, slots=True)
class Run:
    """What every test of a run took. All sizes are bytes."""

    environment: Environment
    tests: tuple[RecordedTest, ...]
    """Sorted by node id."""
    complete: bool = True
    """Whether all tests that were selected ran: not so after Ctrl-C or ``-x``."""
    times: Times = field(default=Times(), compare=False)

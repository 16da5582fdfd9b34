"""Small values of a whole run."""

from __future__ import annotations

from dataclasses import replace

from pytest_footprint.model.allocator_peak import AllocatorPeak
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Culprit, Signal, SizeChange
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.module_stats import ModuleStats
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.run import (
    CheckResult,
    CheckVerdict,
    Environment,
    LimitVerdict,
    Outcome,
    RecordedTest,
    Run,
    TakenFootprint,
    Times,
)
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.step_end import StepEnd
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.model.unshard import Unshard
from pytest_footprint.model.usage import DeviceUsage, Usage

MIB = 2**20
ENVIRONMENT = Environment("3.11.7", "9.2.0", "2.13.0", "linux", {"pytest-footprint": "0.1.0"}, ("cpu",))


def cpu(**mib: float) -> DeviceUsage:
    return DeviceUsage({"cpu": Usage(**{name: ByteSize(int(size * MIB)) for name, size in mib.items()})})


def activations(fqn: str, mib: float, source: str = "model.py:72") -> LiveGroup:
    size = ByteSize(int(mib * MIB))
    return LiveGroup(RefType.ACTIVATION, fqn, "aten.mm", (512, 256), "float32", "cpu", 1, size, source)


def footprint(mib: float, *, fqn: str = "GPT.head", saved_mib: float = 0, grown_mib: float = 0) -> Footprint:
    """A footprint with 48 MiB of parameters and activations of ``mib``."""
    saved = SavedTensor(fqn, "aten.mm", (8,), "float32", ByteSize(int(saved_mib * MIB)), "cpu")
    return Footprint(
        peak=cpu(parameters=48, activations=mib),
        end=cpu(parameters=48),
        growth=cpu(activations=grown_mib),
        saved=SavedTensors((saved,) if saved_mib else ()),
        at_peak=(activations(fqn, mib),),
        environment={"torch": "2.13.0", "device": "cpu"},
    )


def one_test(name: str, *footprints: Footprint, outcome: Outcome = Outcome.PASSED) -> RecordedTest:
    """A test that took these footprints with ``mem_tracker.run``."""
    names = ("run", *(f"run {number}" for number in range(2, len(footprints) + 1)))
    return RecordedTest(name, outcome, tuple(map(TakenFootprint, names, footprints)))


def run_of(*tests: RecordedTest, complete: bool = True) -> Run:
    return Run(ENVIRONMENT, tests, complete=complete, times=Times("2026-11-24T12:00:00+00:00", 2.5, {}))


EVERYTHING = replace(
    run_of(
        RecordedTest(
            "test_a.py::test_all",
            Outcome.FAILED,
            (
                TakenFootprint(
                    "check",
                    Footprint(
                        start=cpu(parameters=1),
                        peak=DeviceUsage({"cpu": Usage.of(dict.fromkeys(RefType, 5))}),
                        end=cpu(inputs=1),
                        growth=cpu(other=-1),
                        saved=SavedTensors((SavedTensor("M", "aten.mm", (1,), "int8", ByteSize(1), "cpu", "m.py:1"),)),
                        modules={
                            "M": ModuleStats(ByteSize(1), ByteSize(2), ByteSize(3), ByteSize(4), cpu(), cpu(inputs=1))
                        },
                        forward=("M",),
                        backward=("M",),
                        recomputed=("M",),
                        structure=Structure((TensorSpec("w", (1, 2), "int8"),), (("a", "b"),)),
                        at_peak=(activations("M", 1),),
                        at_end=(activations("", 1),),
                        inside_ops={"aten.sort": ByteSize(8)},
                        measured={"cuda:0": AllocatorPeak(ByteSize(8), ByteSize(16))},
                        marks={"loss": cpu(inputs=1)},
                        steps=3,
                        step_ends=(StepEnd(cpu(inputs=1), (activations("M", 1),)),),
                        unsharded=(Unshard("M", "forward", 1),),
                        max_unsharded=2,
                        environment={"torch": "2.13.0"},
                    ),
                ),
            ),
            (LimitVerdict("cpu", "total", ByteSize(1), ByteSize(2), exceeded=True, rule="--max-peak-memory"),),
            (
                CheckResult(
                    "check",
                    "footprint",
                    "__footprints__/test_a/test_all.cpu.toml",
                    CheckVerdict.DIFFERS,
                    "memory differs",
                    (SizeChange(Signal.PEAK, "total", "cpu", ByteSize(1), ByteSize(2)),),
                    (
                        Culprit(
                            Signal.PEAK,
                            RefType.ACTIVATION,
                            "M",
                            "aten.mm",
                            None,
                            "int8",
                            "cpu",
                            1,
                            ByteSize(1),
                            "m.py:1",
                            "int4",
                        ),
                    ),
                ),
            ),
        )
    ),
    times=Times("2026-11-24T12:00:00+00:00", 2.5, {"test_a.py::test_all": 1.5}),
)
"""A run in which no field holds its default."""

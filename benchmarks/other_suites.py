"""Writes docs/other-suites.md: the test suites of other packages, unchanged, with and without --mem-all.

python benchmarks/other_suites.py                    all of them: some thirty minutes of one CPU
python benchmarks/other_suites.py e3nn --folder x    one, downloads, logs and results kept in x
python benchmarks/other_suites.py --folder x         what x does not hold yet, then the page

Run it where pytest-footprint and torch are installed. It downloads source distributions and wheels that are small.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tabulate import tabulate

from pytest_footprint.model.byte_size import ByteSize

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "other-suites.md"

KIB = 1024 if sys.platform == "linux" else 1
"""Unit of ``ru_maxrss``."""

WITNESS_EACH = 20
"""Every twentieth test is held against the allocator."""

PYTEST = """
import random, sys, numpy, pytest
random.seed(0)  # some suites draw their parameters when they are collected
numpy.random.seed(0)
sys.exit(pytest.main())
"""


@dataclass(frozen=True)
class Suite:
    """One package on PyPI whose source distribution holds its tests."""

    name: str
    version: str
    kinds: str
    """What its programs do that others do not."""
    tests: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """Installed without their dependencies, so that pip does not fetch another torch."""


SUITES = (
    Suite(
        "e3nn",
        "0.6.0",
        "equivariant networks: generated code (torch.fx), TorchScript, torch.compile, complex tensors",
        ("tests",),
        ("scipy==1.17.1", "opt_einsum==3.4.0", "opt_einsum_fx==0.1.4"),
    ),
    Suite(
        "gpytorch",
        "1.15.2",
        "Gaussian processes: linear algebra, lazily evaluated operators, custom autograd functions, natural gradients",
        ("test",),
        ("scipy==1.17.1", "linear_operator==0.6.1", "jaxtyping==0.3.11", "wadler_lindig==0.1.8", "scikit-learn==1.9.1",
         "joblib==1.6.0", "threadpoolctl==3.8.0", "cloudpickle==3.1.2", "narwhals==2.29.0"),
    ),
    Suite(
        "pytorch_optimizer",
        "4.1.0",
        "more than a hundred optimizers, compiled ones too, wrappers of optimizers, Hessians, fused backward (LOMO)",
        ("tests",),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run of a suite."""

    outcomes: dict[str, str]
    """``passed``, ``failed``, ``error`` or ``skipped`` of each test."""
    seconds: float
    """CPU time: what else the machine does is no part of it."""
    resident: int
    """The most bytes that the process held at once, as the operating system counts."""
    day: str
    log: str

    @classmethod
    def load(cls, file: Path) -> Run:
        return cls(**json.loads(file.read_text()))

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))

    def counts(self) -> str:
        counted = Counter(self.outcomes.values())
        return ", ".join(
            f"{counted[word]} {word}" for word in ("passed", "failed", "error", "skipped") if counted[word]
        )


def _unpack(suite: Suite, folder: Path) -> Path:
    """Download and unpack the source distribution; return its top folder."""
    sources = folder / "sources"
    pip = [sys.executable, "-m", "pip"]
    wanted = f"{suite.name}=={suite.version}"
    subprocess.run([*pip, "download", "-q", "--no-deps", "--no-binary", suite.name, "-d", sources, wanted], check=True)
    (archive,) = sources.glob(f"{suite.name}-{suite.version}.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    if suite.needs:
        needed = folder / "needed" / suite.name
        subprocess.run([*pip, "install", "-q", "--no-deps", "--upgrade", "--target", needed, *suite.needs], check=True)
    return folder / f"{suite.name}-{suite.version}"


def _run(suite: Suite, checkout: Path, label: str, *options: str) -> Run:
    """Run the suite once, unless that was done; its log, JUnit file and result stay beside the checkout."""
    folder = checkout.parent
    result = folder / f"{suite.name}-{label}.json"
    if result.exists():
        return Run.load(result)
    junit, log = folder / f"{suite.name}-{label}.xml", folder / f"{suite.name}-{label}.log"
    # The package's own addopts ask for coverage and other plugins; random orders would compare unlike with unlike.
    fixed = ("-q", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:random_order")
    command = [sys.executable, "-c", PYTEST, *fixed, *options, f"--junitxml={junit}", *suite.tests]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder / "needed" / suite.name), str(ROOT / "benchmarks")]),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "WITNESSED": str(_witnessed_file(suite, folder)),
        "WITNESS_EACH": str(WITNESS_EACH),
    }
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=checkout, env=env, stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        msg = f"{suite.name} {label} ended with exit status {process.returncode}; see {log}"
        raise RuntimeError(msg)
    seconds, today = used.ru_utime + used.ru_stime, datetime.now(tz=UTC).date().isoformat()
    run = Run(_outcomes(junit), seconds, used.ru_maxrss * KIB, today, log.read_text())
    run.save(result)
    return run


def _outcomes(junit: Path) -> dict[str, str]:
    outcomes: dict[str, str] = {}
    for case in ET.parse(junit).iter("testcase"):  # noqa: S314 - pytest has just written it
        name = f"{case.get('classname')}::{case.get('name')}"
        found = {child.tag for child in case} & {"failure", "error", "skipped"}
        word = {"failure": "failed"}.get(next(iter(found), ""), next(iter(found), "passed"))
        # A test that fails and whose teardown fails too has two entries.
        outcomes[name] = word if outcomes.get(name, word) == word else f"{outcomes[name]}, {word}"
    return outcomes


def _differences(without: Run, tracked: Run) -> list[str]:
    names = dict.fromkeys([*without.outcomes, *tracked.outcomes])
    pairs = [(name, without.outcomes.get(name, "absent"), tracked.outcomes.get(name, "absent")) for name in names]
    return [f"`{name}`: {before} without, {after} with" for name, before, after in pairs if before != after]


_HIGHEST = re.compile(r"^(\d+) tests? tracked, highest peak \S+ (.+?) in (.+); --mem-report shows each$", re.MULTILINE)


@dataclass(frozen=True)
class Witnessed:
    """What was tracked in some tests, held against the allocator."""

    tests: int
    exact: int
    within: int
    """Tests whose peak is within 0.1 % or 64 bytes of the allocator's."""
    worst: str

    @classmethod
    def of(cls, file: Path) -> Witnessed:
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        errors = {row["test"]: row["tracked"] - row["true"] for row in rows}
        close = [row for row in rows if abs(errors[row["test"]]) <= max(64, row["true"] / 1000)]
        worst = max(rows, key=lambda row: abs(errors[row["test"]]) / max(1, row["true"]) if row not in close else 0)
        shown = "" if worst in close else f"`{worst['test']}`: {worst['tracked']:,} for {worst['true']:,}"
        return cls(len(rows), sum(error == 0 for error in errors.values()), len(close), shown)


def _witnessed_file(suite: Suite, folder: Path) -> Path:
    return folder / f"{suite.name}-witnessed.jsonl"


@dataclass(frozen=True)
class Finding:
    """One suite, run three times."""

    suite: Suite
    without: Run
    tracked: Run
    witnessed: Witnessed

    def cells(self) -> list[str]:
        found = _HIGHEST.search(self.tracked.log)
        count, peak, test = found.groups() if found else ("0", "-", "-")
        return [
            f"{self.suite.name} {self.suite.version}",
            f"{len(self.without.outcomes):,}",
            self.without.counts(),
            self.tracked.counts(),
            str(len(self.differences())),
            f"{int(count):,}",
            f"{self.without.seconds:.0f} s",
            f"{self.tracked.seconds:.0f} s",
            f"{peak} of {ByteSize(self.without.resident)}",
            f"`{test.rpartition('::')[2]}`",
        ]

    def witnessed_cells(self) -> list[str]:
        seen = self.witnessed
        return [self.suite.name, str(seen.tests), str(seen.exact), str(seen.within), seen.worst or "-"]

    def differences(self) -> list[str]:
        return _differences(self.without, self.tracked)


def _try(suite: Suite, folder: Path) -> Finding:
    checkout = _unpack(suite, folder)
    without = _run(suite, checkout, "without")
    tracked = _run(suite, checkout, "tracked", "--mem-all")
    if not (folder / f"{suite.name}-witnessed.json").exists():
        _witnessed_file(suite, folder).unlink(missing_ok=True)  # of a run that was broken off
    _run(suite, checkout, "witnessed", "-p", "suite_witness")
    return Finding(suite, without, tracked, Witnessed.of(_witnessed_file(suite, folder)))


INTRODUCTION = """# Other people's suites

Written by `python benchmarks/other_suites.py`: the test suites of three packages, unchanged, from their source
distributions on PyPI, each run without and with `--mem-all`; torch {torch}, Python {python}, CPU, one thread, {day}.
The outcome of every test is compared by name. Seconds are CPU time.
Beside the highest tracked peak stands the most that the process held without tracking, as the operating system says.

"""

HEADERS = [
    "package",
    "tests",
    "without",
    "with `--mem-all`",
    "differ",
    "tracked",
    "CPU without",
    "CPU with",
    "highest peak",
    "in",
]

WITNESSED = """
Tests that are not tracked are skipped ones and those that make no tensor on a device.

## Are the peaks true?

Every {each}th test of each suite ran once more inside `torch.profiler`, whose allocator events know nothing of any
tracker (`tests/support/allocator.py`). Its peak at operator ends is held against the tracked one; **close** is within
64 bytes or 0.1 %. The bytes between are numbers: of the 2 in `tensor / 2` torch makes a tensor of 8 bytes that no
dispatch mode sees, and graphs keep some of them. With those taken out (`tests/support/exactness.py`) the peaks of the
farthest are exact too.

"""

BY_HAND = """
## Added up by hand

What `--mem-report` says of three tests, against what the test itself makes:

- e3nn, `fc_test.py::test_variance[float64-1-1-False-None]` run alone: 97.53 MiB. A batch of 2000 x 1000 doubles is
  16,000,000 bytes, the weights of 1000, 500, 1500 and 4 features 10,048,000. For backward each of two graphs, one eager
  and one of TorchScript, keeps hidden layers of 8,000,000 and 24,000,000, an output of 64,000 and scaled weights of
  6,000,000 and 48,000. Together 102,272,000. The tests after it have 101.35 MiB: from its second compilation on
  TorchScript keeps the scaled weights of the first layer too, 4,000,000.
- pytorch_optimizer, `test_lomo.py::TestLomo::test_lomo_fused_backward`: 36 bytes, the nine parameters of
  `Linear(2, 2)` and `Linear(2, 1)`.
- gpytorch, the tests ending in `_cuda`, which do nothing without a GPU: 4.94 KiB, the 5,056 bytes of the
  `torch.get_rng_state()` in their `setUp`.
"""


def _page(findings: Sequence[Finding]) -> str:
    day = max(each.tracked.day for each in findings)
    head = INTRODUCTION.format(torch=version("torch"), python=platform.python_version(), day=day)
    kinds = "".join(f"- **{each.suite.name}**: {each.suite.kinds}.\n" for each in findings)
    differences = [f"- {each.suite.name}: {line}\n" for each in findings for line in each.differences()]
    table = _table(HEADERS, [each.cells() for each in findings])
    witnessed = _table(
        ["package", "tests", "exact", "close", "farthest"], [each.witnessed_cells() for each in findings]
    )
    differing = "".join(["\n## Differences\n\n", *differences]) if differences else ""
    return f"{head}{kinds}\n{table}\n{differing}{WITNESSED.format(each=WITNESS_EACH)}{witnessed}\n{BY_HAND}"


def _table(headers: list[str], rows: list[list[str]]) -> str:
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="*", help=f"of {', '.join(suite.name for suite in SUITES)}; default: all")
    parser.add_argument("--folder", type=Path, help="keep downloads, logs and JUnit files here")
    parser.add_argument("--jobs", type=int, default=2, help="suites that run at a time; default: 2")
    options = parser.parse_args()
    chosen = [suite for suite in SUITES if not options.package or suite.name in options.package]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        findings = []
        with ThreadPoolExecutor(options.jobs) as pool:
            for finding in pool.map(_try, chosen, [folder] * len(chosen)):
                print(*finding.cells(), sep="  ")
                print(*finding.witnessed_cells(), *finding.differences(), sep="\n  ", flush=True)
                findings.append(finding)
    if len(findings) == len(SUITES):
        PAGE.write_text(_page(findings), encoding="utf-8")


if __name__ == "__main__":
    main()

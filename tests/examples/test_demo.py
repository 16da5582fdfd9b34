from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DEMO = REPOSITORY / "examples" / "demo.py"


@dataclass(frozen=True)
class DemoRun:
    status: int
    output: str
    new_files: list[Path]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    folder = tmp_path_factory.mktemp("demo")
    before = set(_files(DEMO.parent))
    done = subprocess.run(
        [sys.executable, DEMO],
        env={**os.environ, "TMPDIR": str(folder), "TEMP": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    new = [*folder.iterdir(), *(path for path in _files(DEMO.parent) if path not in before)]
    return DemoRun(done.returncode, done.stdout, new)


def test_the_demo_sees_what_it_promises_and_says_so(demo: DemoRun) -> None:
    assert demo.status == 0, demo.output
    assert "a training step recorded, stored as a baseline, and defended against three edits" in demo.output


@pytest.mark.parametrize(
    "line",
    [
        r"total +165\.47 MiB +176\.85 MiB +165\.47 MiB +0 B",
        r"GPT\.blocks\.5 +6\.77 MiB .*",
        r"optimizer_states = 86753584  # 82\.73 MiB",
        r"1 passed in .*",
        r"E +saved for backward +cpu total +6\.54 MiB +17\.8 MiB +\+11\.26 MiB +\+172 %",
        r"E +GPT\.blocks\.5 is no longer recomputed \(9 modules\)",
        r"E +growth .* 0 B +512 KiB +\+512 KiB +new",
        r"cpu peak is 193\.13 MiB, 9\.13 MiB over the limit of 184 MiB .*",
    ],
    ids=[
        "recorded by type",
        "recorded by module",
        "stored",
        "passing",
        "checkpoint lost: saved tensors",
        "checkpoint lost: order",
        "logits kept: growth",
        "larger batch: limit",
    ],
)
def test_the_demo_shows(demo: DemoRun, line: str) -> None:
    assert re.search(f"^{line}$", demo.output, re.MULTILINE), demo.output


def test_the_demo_leaves_nothing_behind(demo: DemoRun) -> None:
    assert demo.new_files == []


def test_the_demo_says_what_is_missing_and_how_to_install_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-E", "-S", DEMO], capture_output=True, encoding="utf-8", check=False)

    assert done.returncode == 2
    assert "the demo needs torch and pytest_footprint, which this Python does not have; install with" in done.stderr
    assert f"-m pip install -c {REPOSITORY / 'constraints.txt'} {REPOSITORY}" in done.stderr


def _files(folder: Path) -> Iterator[Path]:
    return folder.rglob("*")

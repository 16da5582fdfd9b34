"""Assertions inside tests whose own recording is open, and what their users see."""

from __future__ import annotations

import subprocess
import sys

from user_project import TORCH_WORKS, Project

WORK = """
    from torch import nn

    KEPT = []
    MODEL = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))
    BATCH = torch.ones(32, 64)

    def step():
        MODEL(BATCH).sum().backward()
"""


def test_arms_inside_a_test_are_measured_as_outside_and_count_for_its_limit(each_way: Project) -> None:
    each_way.write(
        TORCH_WORKS,
        WORK,
        """
        from pytest_footprint import MemTracker, compare

        def test_as_alone(mem_tracker):
            before = mem_tracker.run(step, warmup=1)
            found = mem_tracker.compare(off=lambda: allocate(8 * KIB), on=step)
            after = mem_tracker.run(step)

            assert not compare(found.on, MemTracker().run(step, warmup=1))
            assert found.off.peak.total == 8 * KIB
            assert not compare(before, after)

        @pytest.mark.max_peak_memory("1KiB")
        def test_above_its_limit(mem_tracker):
            mem_tracker.assert_saves(off=lambda: allocate(8 * KIB), on=lambda: allocate(KIB), of="peak")
        """,
    )

    result = each_way.run()

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*cpu peak is 8 KiB, 7 KiB over the limit of 1 KiB (+700 %)*"])


def test_a_failure_shows_the_users_line_and_all_of_the_message(each_way: Project) -> None:
    each_way.write(
        TORCH_WORKS,
        WORK,
        """
        def test_saves(mem_tracker):
            mem_tracker.assert_saves(off=step, on=step)

        def test_released(mem_tracker):
            mem_tracker.assert_released(lambda: KEPT.append(allocate(KIB)))

        def test_grows(mem_tracker):
            mem_tracker.run(lambda: KEPT.append(allocate(KIB)), steps=3).assert_no_growth()
        """,
    )

    result = each_way.run()

    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines_random(
        [
            ">*mem_tracker.assert_saves(off=step, on=step)",
            "E*AssertionError: on saves nothing of the peak (cpu): * off, * on",
            "E*of * off * on  saved    %  at least",
            ">*mem_tracker.assert_released(lambda: KEPT.append(allocate(KIB)))",
            "E*AssertionError: a tensor (1 KiB) that the lambda made is still alive, held by test_it.KEPT[[]*]",
            "E*1 KiB activations: float32[[]256] from aten.ones, *test_it.py:*",
            "E*AssertionError: cpu memory grows from step to step: +2 KiB after step 1, +1 KiB with each of steps*",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_footprint*assertions.py*")
    result.stdout.no_fnmatch_line("*saving_text*")


def test_assertions_need_no_pytest() -> None:
    code = """
import sys
import torch
from pytest_footprint import MemTracker
kept = []
try:
    MemTracker().assert_released(lambda: kept.append(torch.zeros(4)))
except AssertionError as error:
    print(error)
MemTracker().assert_saves(off=lambda: torch.zeros(9), on=lambda: torch.zeros(8), of="peak")
print("_pytest" in sys.modules)
"""

    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert result.stdout.splitlines()[0] == (
        "a tensor (16 B) that the lambda made is still alive, held by __main__.kept[0]"
    )
    assert result.stdout.splitlines()[-1] == "False"

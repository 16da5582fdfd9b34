"""What a person sees who waits for a test, and that nothing of it is left."""

from __future__ import annotations

import gc
import os
import pty
import re
import sys
import time
from typing import Any

import pytest
from screen import Screen, on_a_terminal
from user_project import TORCH_WORKS, Project

from pytest_footprint.pytest_plugin.output import progress, terminal_line

SOON = """
    from pytest_footprint.pytest_plugin.output import terminal_line

    terminal_line.PATIENCE, terminal_line.PAUSE = {patience}, 0.0
"""
"""A conftest that shows progress early and often, or never."""

WAITS = """
    import time


    def test_quick(): pass


    def test_steps(mem_tracker):
        def step():
            time.sleep(0.15)
            allocate(KIB)

        mem_tracker.run(step, steps=3, warmup=1)


    def test_own_loop(mem_tracker):
        for _ in range(2):
            with mem_tracker.step():
                time.sleep(0.15)


    def test_arms(mem_tracker):
        def step(n):
            time.sleep(0.15)
            allocate(n * KIB)

        mem_tracker.scaling(step, n=[4, 1, 2])
        mem_tracker.compare(off=lambda: step(2), on=lambda: step(1))
        mem_tracker.assert_released(step, 1)


    def test_with_a_name_that_does_not_fit_beside_what_is_said_of_the_work(mem_tracker):
        mem_tracker.run(lambda: time.sleep(0.15))


    def test_fails_in_a_step(mem_tracker):
        def step():
            time.sleep(0.15)
            raise ValueError("in the middle")

        mem_tracker.run(step)


    def test_nothing_to_do_with_memory():
        time.sleep(0.15)
"""

KEEPS_CURSOR = b"\x1b7"
"""What comes with every line of ours; pytest itself never keeps the cursor."""


ERASES = b"\x1b7\x1b[B\r\x1b[J\x1b8"


def run(project: Project, *args: str, **terminal: Any) -> Screen:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *args]
    return on_a_terminal(command, project.path, **terminal)


def test_a_line_says_what_is_done_and_how_far_it_has_come(project: Project) -> None:
    project.conftest(SOON.format(patience=0.0))
    project.write(TORCH_WORKS, WAITS)

    screen = run(project, columns=80)

    shown = [re.sub(r", \d+ s$", "", line) for line in screen.seen(r"test_(steps|own_loop|arms): .+")]
    done = [work for work in dict.fromkeys(shown) if ": " in work and "reading" not in work]
    assert done == [
        "test_steps: warm-up",
        "test_steps: step 1 of 3",
        "test_steps: step 2 of 3",
        "test_steps: step 3 of 3",
        "test_own_loop: step 1",
        "test_own_loop: step 2",
        "test_arms: scaling n=1 (1 of 3), warm-up",
        "test_arms: scaling n=1 (1 of 3), step",
        "test_arms: scaling n=2 (2 of 3), warm-up",
        "test_arms: scaling n=2 (2 of 3), step",
        "test_arms: scaling n=4 (3 of 3), warm-up",
        "test_arms: scaling n=4 (3 of 3), step",
        "test_arms: off (1 of 2), warm-up",
        "test_arms: off (1 of 2), step",
        "test_arms: on (2 of 2), warm-up",
        "test_arms: on (2 of 2), step",
        "test_arms: what step() leaves, step 1",
    ]
    cut = screen.seen(r"test_with\w+\.\.\.: step, \d+ s")
    assert cut
    assert all(len(line) <= 79 for line in cut)
    assert not screen.seen(r"test_(quick|nothing\w+): .*")


SHORT = """
    import threading
    import time

    THREADS = threading.active_count()


    def test_quick(): pass


    def test_step(mem_tracker):
        def step():
            print("printed while the line stands")
            time.sleep(0.15)
            assert threading.active_count() == THREADS

        mem_tracker.run(step, steps=2)


    def test_fails_in_a_step(mem_tracker):
        mem_tracker.run(lambda: time.sleep(0.15) or 1 / 0)


    def test_writes_on_the_terminal_itself(mem_tracker, capsys):
        with capsys.disabled():
            print("\\nwritten")
            mem_tracker.run(time.sleep, 0.1)
            print("written again")
        mem_tracker.run(time.sleep, 0.1)
"""


@pytest.mark.parametrize(
    ("rows", "args"),
    [(30, ()), (6, ("-v",)), (6, ("--mem-all", "--mem-html=page.html"))],
    ids=["room below", "a line a test at the bottom", "everything tracked at the bottom"],
)
def test_when_it_is_over_the_screen_is_that_of_a_run_without_it(
    project: Project, rows: int, args: tuple[str, ...]
) -> None:
    project.write(TORCH_WORKS, SHORT)
    project.conftest(SOON.format(patience=1e6))
    without = run(project, "--tb=line", *args, rows=rows)
    project.conftest(SOON.format(patience=0.0))

    screen = run(project, "--tb=line", *args, rows=rows)

    assert KEEPS_CURSOR in screen.sent
    assert KEEPS_CURSOR not in without.sent
    assert screen.status == without.status == 1
    assert "1 failed, 3 passed in some time" in screen.left
    assert screen.left == without.left
    assert not screen.seen(r"test_writes.*: .*")


def test_nothing_is_shown_of_work_that_is_short(project: Project) -> None:
    project.write(TORCH_WORKS, SHORT)

    screen = run(project)

    assert "1 failed, 3 passed" in screen.left
    assert KEEPS_CURSOR not in screen.sent


NOBODY_LOOKS = {
    "quiet": (["-q"], {}),
    "no progress in the ini file": (["-o", "console_output_style=classic"], {}),
    "plain": (["--color=no"], {}),
    "nothing captured": (["-s"], {}),
    "half of it captured": (["--capture=sys"], {}),
    "live logs": (["--log-cli-level=info"], {}),
    "workers": (["-n2"], {}),
    "a terminal that knows no cursor": ([], {"TERM": "dumb"}),
    "continuous integration": ([], {"CI": "true"}),
    "a launcher": ([], {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}),
}


@pytest.mark.parametrize(("args", "environ"), NOBODY_LOOKS.values(), ids=NOBODY_LOOKS.keys())
def test_nothing_is_shown_where_somebody_asked_for_less(
    project: Project, args: list[str], environ: dict[str, str]
) -> None:
    project.conftest(SOON.format(patience=0.0))
    project.write("import time; import pytest", WAITS_WITHOUT_TORCH)

    screen = run(project, *args, environ=environ)

    assert "1 passed" in screen.left
    assert KEEPS_CURSOR not in screen.sent


WAITS_WITHOUT_TORCH = """
    def test_waits(mod_tracker_that_is_none):
        time.sleep(0.1)


    @pytest.fixture
    def mod_tracker_that_is_none(request):
        from pytest_footprint.pytest_plugin.settings import PROGRESS

        if progress := request.config.stash.get(PROGRESS, None):
            progress._told("step")
"""


def test_colours_that_are_off_do_not_matter(project: Project) -> None:
    project.conftest(SOON.format(patience=0.0))
    project.write(TORCH_WORKS, SHORT)

    assert run(project, "-k", "test_step", environ={"NO_COLOR": "1"}).seen(r"test_step: step 1 of 2, .*")


def test_ctrl_c_leaves_nothing_of_it(project: Project) -> None:
    project.conftest(SOON.format(patience=0.0))
    project.write(TORCH_WORKS, "def test_waits(mem_tracker):\n    import time\n    mem_tracker.run(time.sleep, 60)")
    typed: list[bool] = []

    def interrupt(screen: Screen) -> bytes:
        if typed or not screen.seen(r"test_waits: step, .*"):
            return b""
        typed.append(True)
        return b"\x03"

    screen = run(project, answer=interrupt)

    assert screen.status == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in screen.left
    assert "test_waits: " not in screen.left


def test_a_debugger_has_the_terminal_for_itself(project: Project) -> None:
    project.conftest(SOON.format(patience=0.0))
    project.write(
        TORCH_WORKS,
        """
        import time


        def test_stops(mem_tracker):
            def step():
                time.sleep(0.2)
                breakpoint()
                time.sleep(0.2)

            mem_tracker.run(step)
        """,
    )
    at_prompt: list[int] = []

    def go_on(screen: Screen) -> bytes:
        if at_prompt or "(Pdb)" not in screen.frames[-1]:
            return b""
        at_prompt.append(len(screen.sent))
        time.sleep(0.3)
        return b"c\n"

    screen = run(project, answer=go_on)

    assert screen.status == 0
    assert screen.seen("test_stops: step, .*")
    [at] = at_prompt
    assert screen.sent.rpartition(KEEPS_CURSOR)[2].startswith(ERASES.removeprefix(KEEPS_CURSOR))
    assert KEEPS_CURSOR not in screen.sent[at:].partition(b"PDB continue")[0]
    assert "test_stops: " not in screen.left


FORKS = """
    import os


    def test_forks(mem_tracker):
        def step():
            if not (child := os.fork()):
                mem_tracker.on_progress("in the child")
                mem_tracker.on_progress("")
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

        mem_tracker.run(step)
"""


def test_a_forked_process_shows_nothing_and_erases_nothing(project: Project) -> None:
    project.conftest(SOON.format(patience=0.0))
    project.write(TORCH_WORKS, FORKS)

    screen = run(project)

    assert "1 passed" in screen.left
    assert not screen.seen(".*in the child.*")
    assert screen.seen(r"test_forks: step, .*")
    assert screen.sent.count(ERASES) == 2  # after the run, and after the test was read


GARBAGE = """
    class Holder:
        def __init__(self, nbytes):
            self.tensor = allocate(nbytes)
            self.itself = self


    def test_garbage(mem_tracker):
        def step():
            for number in range(3000):
                Holder(4 * (number % 7 + 1))

        mem_tracker.run(step, steps=3, warmup=1)
        mem_tracker.scaling(lambda n: [Holder(4 * n) for _ in range(2000)], n=[1, 2, 3])
        step()
"""
"""What it takes depends on when Python collects."""


def test_footprints_are_the_same_whether_somebody_looks_or_not(project: Project) -> None:
    project.conftest(SOON.format(patience=0.0))
    project.write(TORCH_WORKS, GARBAGE)

    looked = run(project, "--mem-json=looked.json")
    project.run_alone("--mem-json=alone.json", "-p", "no:hypothesispytest").assert_outcomes(passed=1)

    assert looked.sent.count(KEEPS_CURSOR) > 10
    texts = [(project.path / name).read_text("utf-8").partition('"times"')[0] for name in ("looked.json", "alone.json")]
    assert texts[0] == texts[1]
    assert '"footprint"' in texts[0]


def test_what_is_shown_makes_nothing_that_the_collector_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, its = pty.openpty()
    monkeypatch.setattr(terminal_line, "PATIENCE", 0.0)
    monkeypatch.setattr(terminal_line, "PAUSE", 0.0)
    monkeypatch.setattr(os, "isatty", lambda _: False)
    shown = progress.Progress(terminal_line.TerminalLine(its))
    os.close(shown._line.fd)
    shown._line.fd = os.open(os.devnull, os.O_WRONLY)  # a terminal that nobody reads takes no more after a while
    shown._line.width, shown._name = 80, "test_of_a_long_name" * 9
    kept: list[list[int]] = []
    found: list[str] = []
    threshold = gc.get_threshold()
    gc.callbacks.append(count := lambda phase, _: found.append(phase))
    try:
        gc.collect()
        del found[:]
        gc.set_threshold(1)
        for _ in range(400):
            kept.append([])
            shown._told("step")
        gc.set_threshold(*threshold)
    finally:
        gc.callbacks.remove(count)
        shown._line.close()
        os.close(ours)
        os.close(its)

    # One thing is kept each time, and every second makes a collection; one more thing, however short it lives, and each
    # time makes one.
    assert found.count("start") <= 201

"""Records, stores and defends one training step of a GPT, in a temporary copy of the example beside this file.

Exit status 0 when everything was seen that should be.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True  # the demo leaves nothing behind
from edits import CHECKPOINT_LOST, GUESSES_KEPT, LARGER_BATCH, LOGITS_KEPT, Edit  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLE = Path("examples", "gpt")
TEST = "test_gpt.py"
BASELINE_LINES = 32
WIDTH = 100


class NotSeenError(Exception):
    """A command did not show what it should; the text says which and what."""


@dataclass(frozen=True)
class Demo:
    """A place to run things, each in a copy of the example."""

    folder: Path

    def python(self, *command: str, copy: str, status: int, expect: dict[str, str]) -> None:
        """Run Python in a copy of the example and show what it prints.

        Args:
            command: what stands behind ``python``.
            copy: which copy, see `copy`.
            status: the exit status that it should have.
            expect: what should be seen -> the regular expression that finds it.

        Raises:
            NotSeenError: the status or something expected is missing.
        """
        print(f"$ {shlex.join(['python', *command])}\n", flush=True)
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder / copy / EXAMPLE,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        print(done.stdout.rstrip("\n"))
        missing = [what for what, pattern in expect.items() if not re.search(pattern, done.stdout)]
        if done.returncode != status:
            missing.insert(0, f"exit status {status} (it was {done.returncode})")
        if missing:
            msg = f"this command did not show what it should: {shlex.join(['python', *command])}"
            raise NotSeenError("\n  - ".join([msg, *missing]))

    def copy(self, name: str, edit: Edit, *, of: str = "unchanged") -> None:
        """A copy of another copy, baselines included, with ``edit`` applied and shown."""
        shutil.copytree(self.folder / of, self.folder / name)
        print(edit.apply(self.folder / name / EXAMPLE), end="\n\n")


def main() -> int:
    if problem := _cannot_run():
        print(problem, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="footprint-demo-") as folder:
        demo = Demo(Path(folder))
        _copy_repository(demo.folder / "unchanged")
        try:
            _record(demo)
            _store(demo)
            _defend(demo)
            _limit(demo)
        except NotSeenError as problem:
            print(f"{_rule()}{problem}")
            return 1
    print(_rule())
    print("Seen: a training step recorded, stored as a baseline, and defended against three edits.")
    print("Nothing of this is left on the disk. The test that did it: examples/gpt/test_gpt.py")
    return 0


def _record(demo: Demo) -> None:
    _say("1/6", "Train a byte-level GPT (10.8 M parameters) on this repository's documents; show what a step takes.")
    demo.python(
        "record.py",
        copy="unchanged",
        status=0,
        expect={"the recorded step by reference type and module": r"(?s)\ntotal .*\nGPT\.blocks\.0 "},
    )


def _store(demo: Demo) -> None:
    _say("2/6", "Store that as the baseline of a test.")
    _show(demo.folder / "unchanged" / EXAMPLE / TEST, first="@pytest.mark")
    demo.python(
        *("-m", "pytest", "-q", TEST, "--mem-baseline-update"),
        copy="unchanged",
        status=0,
        expect={"that baselines were written": r"2 baselines written: 2 new"},
    )
    for path in sorted((demo.folder / "unchanged" / EXAMPLE).glob("__footprints__/**/*.toml")):
        print(f"\n$ head -n {BASELINE_LINES} {path.relative_to(demo.folder / 'unchanged' / EXAMPLE)}\n")
        _show(path, most=BASELINE_LINES)
    _say("3/6", "Run the same test again: it is held against the baseline.")
    demo.python("-m", "pytest", "-q", TEST, copy="unchanged", status=0, expect={"the test passing": r"1 passed"})


def _defend(demo: Demo) -> None:
    _say("4/6", "A tired engineer takes the last block out of checkpointing. The peak stays; the test fails.")
    demo.copy("checkpoint-lost", CHECKPOINT_LOST)
    demo.python(
        *("-m", "pytest", "-q", TEST),
        copy="checkpoint-lost",
        status=1,
        expect={
            "a failure": r"1 failed",
            "that what is saved for backward differs, and not the peak": r"\nE +changed .*\nE +saved for backward ",
            "the block that is no longer recomputed": r"GPT\.blocks\.5 is no longer recomputed",
        },
    )
    _say("5/6", "Another keeps the logits of each step for a metric: half a MiB more after every step, for ever.")
    demo.copy("logits-kept", LOGITS_KEPT)
    demo.python(
        *("-m", "pytest", "-q", TEST),
        copy="logits-kept",
        status=1,
        expect={
            "a failure": r"1 failed",
            "that memory grows": r"\nE +growth ",
            "the logits": r"GPT\.head: 2 x float32\[512, 256\]",
        },
    )
    print("\nThe cure: keep a number instead of the logits.\n")
    demo.copy("guesses-kept", GUESSES_KEPT, of="logits-kept")
    demo.python("-m", "pytest", "-q", TEST, copy="guesses-kept", status=0, expect={"the test passing": r"1 passed"})


def _limit(demo: Demo) -> None:
    _say("6/6", "A third makes the batch larger and accepts all new numbers unread. The marker max_peak_memory holds.")
    demo.copy("larger-batch", LARGER_BATCH)
    demo.python(
        *("-m", "pytest", "-q", TEST, "--mem-baseline-update"),
        copy="larger-batch",
        status=1,
        expect={"a failure": r"1 failed", "the limit": r"over the limit of 184 MiB"},
    )


def _cannot_run() -> str:
    """Why the demo cannot run here, and what to do; empty when it can."""
    absent = [name for name in ("torch", "pytest_footprint") if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    install = f"{sys.executable} -m pip install -c {REPOSITORY / 'constraints.txt'} {REPOSITORY}"
    return f"the demo needs {' and '.join(absent)}, which this Python does not have; install with\n  {install}"


def _copy_repository(target: Path) -> None:
    """The example and the documents that it trains on, where it expects them."""
    shutil.copytree(REPOSITORY / EXAMPLE, target / EXAMPLE, ignore=shutil.ignore_patterns("__*__", ".*"))
    shutil.copytree(REPOSITORY / "docs", target / "docs")
    for path in REPOSITORY.glob("*.md"):
        shutil.copy(path, target)


def _environment() -> dict[str, str]:
    """Ours without what would change what pytest does or shows."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return kept | {
        "COLUMNS": str(WIDTH),
        "NO_COLOR": "1",
        "OMP_NUM_THREADS": "1",  # on a busy machine, threads that wait for each other take several times as long
        "PYTHONIOENCODING": "utf-8",
        "PYTHONWARNINGS": "ignore:Failed to initialize NumPy",  # torch says so wherever NumPy is not installed
    }


def _show(path: Path, *, first: str = "", most: int | None = None) -> None:
    """Print a text file from the line that starts with ``first`` on, cut at ``most`` lines."""
    lines = path.read_text("utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(first))
    shown = lines[start:][:most]
    print(*shown, sep="\n")
    if rest := len(lines) - start - len(shown):
        print(f"... and {rest} more lines")
    print()


def _say(part: str, text: str) -> None:
    print(f"{_rule()}[{part}] {text}\n")


def _rule() -> str:
    return f"\n{'-' * WIDTH}\n"


if __name__ == "__main__":
    sys.exit(main())

"""Kills updates of baselines at random moments: ``python killed_updates.py FOLDER KILLS``.

A process of its own, as forking one that has loaded torch takes several times as long.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from pytest_footprint.baseline import encode, write_atomically
from pytest_footprint.baseline.folders import baselines_in
from pytest_footprint.model.hierarchy import Hierarchy

NAMES = ("test_a.cpu.toml", "test_b.cpu.toml", "test_c.cpu.toml")


def order(version: int) -> Hierarchy:
    """A value whose text is longer than what is written at once."""
    return Hierarchy(tuple(f"Model{version}.part{'y' * (part % 97)}" for part in range(400)))


TEXTS = (encode(order(0)), encode(order(1)))


def _update_for_ever(paths: list[Path], ready: int) -> None:
    os.write(ready, b".")
    while True:
        for text in (TEXTS[1], TEXTS[0]):
            for path in paths:
                write_atomically(path, text)


def _kill_an_update(paths: list[Path], seconds: float) -> None:
    """Start a process that updates, and kill it so long after its begin."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _update_for_ever(paths, write_end)
        finally:
            os._exit(1)
    os.close(write_end)
    started = os.read(read_end, 1)
    os.close(read_end)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if started != b"." or not os.WIFSIGNALED(status):
        sys.exit("the update ended by itself")


def _seconds_of_a_round(paths: list[Path]) -> float:
    start = time.perf_counter()
    for path in paths:
        write_atomically(path, TEXTS[0])
    return time.perf_counter() - start


def main(folder: Path, kills: int) -> None:
    """Print how many kills came in the middle of an update, and what was wrong after any of them."""
    paths = [folder / name for name in NAMES]
    moments = random.Random(0)  # noqa: S311 - moments need not be secret
    longest = 1.2 * min(_seconds_of_a_round(paths) for _ in range(5))
    within, wrong = 0, []
    for number in range(kills):
        _kill_an_update(paths, moments.uniform(0, longest))
        texts = [path.read_text("utf-8") for path in paths]
        if not set(texts) <= set(TEXTS):
            wrong.append(f"kill {number}: a file holds neither the old nor the new text")
        if baselines_in(folder) != paths:
            wrong.append(f"kill {number}: {sorted(folder.iterdir())}")
        leftovers = [path for path in folder.iterdir() if path not in paths]
        within += len(set(texts)) > 1 or bool(leftovers)
        for path in leftovers:
            path.unlink()
    print(json.dumps({"within": within, "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""Runs torch's databases of operators, modules and optimizers under the tracker, and lists what is not exact.

python tests/support/database_sweep.py                        all of it, in two processes; writes docs/exceptions.md
python tests/support/database_sweep.py --first 2 --shard 0/2  half of a quick look; prints what it found as JSON
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "exceptions.md"
FIRST = 2
"""How many samples of each entry the quick look takes, and the full one in dtypes other than the entry's first."""
SHARDS = 2

ANY_MODE = "results differ, as under any dispatch mode"
REASONS = {
    ANY_MODE: "torch's own doing: where a dispatch mode is active, an empty one too, autograd takes the formula\n"
    "  for tensor subclasses, which rounds otherwise",
}
"""What may differ, and why. Anything else that the sweep finds is a defect."""

Findings = Mapping[str, Mapping[str, Any]]
"""Entry -> how many ``samples`` were run, for each finding the ``numbers`` of those that have it, and whether the
``quick`` look runs this entry too."""


def look(shard: int, shards: int, first: int | None) -> dict[str, Any]:
    """Run one share of the databases in this process; ``first`` samples of each entry, or a full sweep."""
    warnings.simplefilter("ignore")
    import databases  # noqa: PLC0415 - its import takes seconds and changes settings of torch
    import exactness  # noqa: PLC0415 - the page and its test need no torch

    found: dict[str, Any] = {}
    entries = databases.entries(every_dtype=first is None)[shard::shards]
    samples = 0
    with exactness.one_thread():
        for entry in entries:
            results = entry.differences(first if first is not None or entry.is_first else FIRST)
            samples += len(results)
            numbers: dict[str, list[int]] = {}
            for number, differences in enumerate(results):
                for difference in differences:
                    numbers.setdefault(difference, []).append(number)
            if numbers:
                found[str(entry)] = {"samples": len(results), "numbers": numbers, "quick": entry.is_first}
    return {"entries": len(entries), "samples": samples, "found": found}


def look_in_processes(first: int | None) -> dict[str, Any]:
    """Run all shares, each in a process of its own."""

    def one(shard: int) -> dict[str, Any]:
        options = ["--shard", f"{shard}/{SHARDS}", *([] if first is None else ["--first", str(first)])]
        done = subprocess.run([sys.executable, __file__, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-4000:])
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    with ThreadPoolExecutor(SHARDS) as pool:
        shares = list(pool.map(one, range(SHARDS)))
    return {
        "entries": sum(share["entries"] for share in shares),
        "samples": sum(share["samples"] for share in shares),
        "found": {name: row for share in shares for name, row in share["found"].items()},
    }


def defects(found: Findings) -> list[str]:
    """What nobody has a reason for, one line each."""
    return [
        f"{name}, samples {numbers}: {finding}"
        for name, row in sorted(found.items())
        for finding, numbers in row["numbers"].items()
        if finding not in REASONS
    ]


def page(result: Mapping[str, Any], torch_version: str) -> str:
    """The list of exceptions, as text for people that the tests read too."""
    found: Findings = result["found"]
    lines = [
        "# What is not exact",
        "",
        f"Written by `python tests/support/database_sweep.py` with torch {torch_version}.",
        "",
        f"{result['samples']} samples of the {result['entries']} entries of torch's own databases (`op_db`,",
        "`module_db`, `optim_db`; an entry counts once for each dtype) ran forward and backward on a CPU, without and",
        "with `MemTracker`. Each must come to the same outcome (a value, or an exception of the same type), the same",
        "results bit for bit and the same random state; the tracked peak and end must be the allocator's at the",
        "operators' ends, to the byte; and nothing may be left in torch. The table lists all that did not. One thing",
        "is in neither number: the 8 or 16 bytes of a Python number that torch wraps, which no operator makes.",
        "",
        "| entry | samples | in the quick look | what |",
        "|---|---|---|---|",
        *(
            f"| {name} | {len(numbers)} of {row['samples']} | {_quick(row, numbers)} | {finding} |"
            for name, row in sorted(found.items())
            for finding, numbers in row["numbers"].items()
        ),
        "",
        "## Why",
        "",
        *(f"- **{finding}**: {reason}." for finding, reason in REASONS.items()),
        "- The results of `empty` and its like and of `linalg.lstsq` are not compared, their memory is: without a",
        "  tracker, too, they change from run to run (memory that nobody wrote; LAPACK, by where its memory lies).",
        "",
    ]
    return "\n".join(lines)


def _quick(row: Mapping[str, Any], numbers: Iterable[int]) -> str:
    return str(sum(number < FIRST for number in numbers)) if row["quick"] else "-"


def listed_of_first(text: str) -> dict[str, int]:
    """Entry -> how many of its samples in the quick look differ, as the page says; where none does it is left out."""
    rows = [line.split("|")[1:4] for line in text.splitlines() if line.startswith("| ") and "_db/" in line]
    listed = {name.strip(): quick.strip() for name, _, quick in rows}
    return {name: int(quick) for name, quick in listed.items() if quick not in {"0", "-"}}


def main(arguments: Iterable[str] | None = None) -> int:
    """Look, and write the page or print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, help="samples of each entry, in one dtype; without it the full sweep")
    parser.add_argument("--shard", help="one share in this process, e.g. 0/2; prints JSON")
    options = parser.parse_args(arguments if arguments is None else list(arguments))
    if options.shard:
        shard, shards = map(int, options.shard.split("/"))
        json.dump(look(shard, shards, options.first), sys.stdout)
        return 0
    result = look_in_processes(options.first)
    unexplained = defects(result["found"])
    if unexplained:
        print(*unexplained, sep="\n")
        return 1
    PAGE.write_text(page(result, version("torch").partition("+")[0]), encoding="utf-8")
    print(f"{result['samples']} samples of {result['entries']} entries; {len(result['found'])} in {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

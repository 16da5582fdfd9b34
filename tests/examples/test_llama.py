"""The example that shards 70 B parameters over 1,024 ranks, as somebody without a cluster runs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "llama"
PINNED = "torch==" + torch.__version__.partition("+")[0]
RUN = """
import resource, sys, pytest
status = pytest.main(sys.argv[1:])
print("most memory:", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "MiB")
sys.exit(status)
"""


@dataclass(frozen=True)
class Run:
    status: int
    output: str

    @property
    def mib(self) -> int:
        return int(self.output.rpartition("most memory: ")[2].split()[0])


def run(folder: Path, *options: str) -> Run:
    done = subprocess.run(
        [sys.executable, "-c", RUN, "-p", "no:cacheprovider", "-p", "no:asyncio", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return Run(done.returncode, done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")
@pytest.mark.skipif(
    PINNED not in (REPOSITORY / "constraints.txt").read_text(), reason="another torch names its operators otherwise"
)
def test_a_step_of_70_billion_parameters_is_held_to_its_baseline_in_less_than_a_gibibyte() -> None:
    done = run(EXAMPLE)

    assert done.status == 0, done.output
    assert "2 passed" in done.output
    assert done.mib < 1024


def test_a_layer_that_stays_unsharded_fails_it(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "llama")
    train = tmp_path / "llama" / "train.py"
    text = train.read_text("utf-8")
    train.write_text(text.replace("mp_policy=policy)", "mp_policy=policy, reshard_after_forward=False)"), "utf-8")

    done = run(tmp_path / "llama", "-k", "7_billion")

    assert "reshard_after_forward=False" in train.read_text("utf-8")
    assert done.status == 1, done.output
    assert "memory differs from its baseline: cpu peak +" in done.output

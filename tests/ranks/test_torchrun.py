"""torchrun itself, once: its store, its environment, and that it ends the others when a rank fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "distributed.md"
FAILS = """

def test_fails_on_one_rank(mem_baseline):
    from pytest_footprint import Hierarchy

    assert Hierarchy((os.environ["RANK"],)) == mem_baseline
"""


@pytest.mark.skipif(sys.platform != "linux", reason="torchrun with gloo, as continuous integration runs it")
def test_the_example_of_the_page_passes_and_a_failure_is_told_in_full(tmp_path: Path) -> None:
    page = PAGE.read_text("utf-8").partition("## Real ranks")[2]
    [example] = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    tmp_path.joinpath("test_it.py").write_text(f"import os\n{example}{FAILS}")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = ["-m", "pytest", "-v", "-p", "no:cacheprovider", "--mem-report", "--mem-rank-timeout=60"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1"}
    plugins = ["-p", "syrupy", "-p", "pytest_footprint.pytest_plugin"]

    done = subprocess.run(
        [*torchrun, "--local-ranks-filter", "0", *arguments, *plugins],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    out = done.stdout
    assert "test_it.py::test_a_step_of_every_rank PASSED" in out, out + done.stderr
    assert "ranks: 2" in out
    assert "no memory baseline is stored at __footprints__/test_it/test_fails_on_one_rank.any-2-ranks.toml" in out
    assert "torchrun --nproc-per-node 2 -m pytest test_it.py::test_fails_on_one_rank --mem-baseline-update" in out
    # torchrun ends the others when one fails: rank 0 has told all by then.
    assert "memory of tracked tests" in out
    assert "1 failed, 1 passed" in out
    assert done.returncode == 1

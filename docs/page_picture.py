"""Makes ``docs/page.png``: the page of the GPT example after an edit that keeps the logits of every step.

Needs the test dependencies, and Chromium with its driver on the PATH.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "tests" / "support"), str(REPOSITORY / "examples")]

from browser import chromium  # noqa: E402
from edits import LOGITS_KEPT  # noqa: E402

WIDTH, HEIGHT = 1180, 900


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        example = folder / "examples" / "gpt"
        shutil.copytree(REPOSITORY / "examples" / "gpt", example, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPOSITORY / "README.md", folder)  # what it trains on
        run(example, "--mem-baseline-update", status=0)
        LOGITS_KEPT.apply(example)
        run(example, status=1)
        with chromium(folder) as browser:
            metrics = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
            browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            browser.open(example / "page.html")
            browser.one("[aria-label='what was alive'] table")
            browser.driver.save_screenshot(str(REPOSITORY / "docs" / "page.png"))


def run(example: Path, *options: str, status: int) -> None:
    command = [sys.executable, "-m", "pytest", "--mem-html=page.html", *options]
    done = subprocess.run(command, cwd=example, check=False)
    if done.returncode != status:
        sys.exit(f"exit status {done.returncode} instead of {status}")


if __name__ == "__main__":
    main()

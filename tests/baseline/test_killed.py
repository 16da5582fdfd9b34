"""An update that is killed loses nothing: each file holds the old text or the new one, whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import killed_updates
import pytest

from pytest_footprint.baseline import read

KILLS = 1000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked, to be killed cheaply")
def test_killing_an_update_at_a_thousand_random_moments_loses_no_baseline(tmp_path: Path) -> None:
    command = [sys.executable, killed_updates.__file__, str(tmp_path), str(KILLS)]

    done = subprocess.run(command, check=True, capture_output=True, text=True)

    found = json.loads(done.stdout)
    assert found["wrong"] == []
    # It would prove nothing if hardly any kill had come in the middle of an update.
    assert found["within"] > KILLS // 10
    for name in killed_updates.NAMES:
        assert read(tmp_path / name) in {killed_updates.order(0), killed_updates.order(1)}

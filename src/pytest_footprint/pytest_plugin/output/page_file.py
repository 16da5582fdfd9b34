"""``--mem-html``: the page of a run."""

from __future__ import annotations

import json

from pytest_footprint.model.codec import from_plain
from pytest_footprint.model.picture import Picture
from pytest_footprint.model.run_json import read_run
from pytest_footprint.pytest_plugin.output.run_file import RunFile
from pytest_footprint.report.page import run_page


class PageFile(RunFile):
    """Writes the page when the session is over, also of a run that was interrupted."""

    WHAT = "page of this run"

    def _text(self, *, complete: bool) -> str:
        tests = self._log.tests
        pictures = {
            nodeid: [from_plain(Picture, each) for each in json.loads(test.pictures)]
            for nodeid, test in tests.items()
            if test.pictures
        }
        failures = {nodeid: test.failure for nodeid, test in tests.items() if test.failure}
        return run_page(read_run(self._log.text(complete=complete)), pictures, failures)

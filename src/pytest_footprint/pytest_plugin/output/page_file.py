"""``--mem-html``: the page of a run."""

from __future__ import annotations

import json

from pytest_footprint.model.codec import from_plain
from pytest_footprint.model.picture import Picture
from pytest_footprint.pytest_plugin.output.run_file import RunFile
from pytest_footprint.pytest_plugin.output.terminal_line import telling
from pytest_footprint.pytest_plugin.relative import relative
from pytest_footprint.report.page import run_page


class PageFile(RunFile):
    """Writes the page when the session is over, also of a run that was interrupted."""

    WHAT = "page of this run"

    def _text(self, *, complete: bool) -> str:
        tests, shown = self._log.tests, relative(self._path, self._config.invocation_params.dir)
        with telling(self._config) as tell:
            run = self._log.run(
                complete=complete,
                on_test=lambda count: tell(f"writing {shown}: {count} of {len(tests)} tests"),
            )
        pictures = {
            nodeid: [from_plain(Picture, each) for each in json.loads(test.pictures)]
            for nodeid, test in tests.items()
            if test.pictures
        }
        failures = {nodeid: test.failure for nodeid, test in tests.items() if test.failure}
        return run_page(run, pictures, failures)

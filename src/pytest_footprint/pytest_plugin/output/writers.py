"""The files that a run writes, and who hears the tests for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.settings import SETTINGS

if TYPE_CHECKING:
    import pytest

    from pytest_footprint.pytest_plugin.results import Taker


def writers(config: pytest.Config) -> dict[str, Taker]:
    """Register what writes the run as JSON and as a page; those that take the results of each test, by their names."""
    settings = config.stash[SETTINGS]
    takers: dict[str, Taker] = {}
    if settings.writes_run:
        from pytest_footprint.pytest_plugin.output.run_log import RunLog  # noqa: PLC0415 - loads when a run is written

        log = takers["footprint-log"] = RunLog(config)
        if settings.json is not None:
            from pytest_footprint.pytest_plugin.output.run_file import RunFile  # noqa: PLC0415 - the same

            config.pluginmanager.register(RunFile(config, settings.json, log), "footprint-json")
        if settings.html is not None:
            from pytest_footprint.pytest_plugin.output.page_file import PageFile  # noqa: PLC0415 - the same

            config.pluginmanager.register(PageFile(config, settings.html, log), "footprint-html")
    if settings.trace is not None:
        from pytest_footprint.pytest_plugin.output.trace_summary import TraceSummary  # noqa: PLC0415 - the same

        takers["footprint-trace"] = TraceSummary(config, settings.trace)
    return takers

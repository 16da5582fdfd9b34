"""What is left of this plugin around each test of a run that does not use it: a look at whether that is still so."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_footprint.pytest_plugin.baselines.collected import COLLECTING
from pytest_footprint.pytest_plugin.marks import is_marked
from pytest_footprint.pytest_plugin.per_test import PerTest, begin, prepare
from pytest_footprint.pytest_plugin.recording import RECORDING
from pytest_footprint.pytest_plugin.settings import RANKS, SETTINGS

PER_TEST, RECEIVER = "footprint-per-test", "footprint-receiver"
"""Names of the plugin objects that step back."""
_FIXTURES = frozenset(
    {"mem_tracker", "mod_tracker", "fsdp_mem_tracker", "mem_baseline", "fake_world", "child_footprints"}
)
_HOOKS = (
    "pytest_footprint_taken",
    "pytest_footprint_compared",
    "pytest_footprint_device_key",
    "pytest_footprint_report_columns",
)


class Lookout:
    """Prepares each test that uses us, and lets the other hooks be called only where there is such a test.

    Most of those are known when they are collected. What is left: markers that are added while tests run, tests that
    nobody collected, and fixtures that are asked for by `request.getfixturevalue`.
    """

    def __init__(self) -> None:
        self._per_test = PerTest()
        self._away: dict[str, object] = {}
        """Plugin objects that have stepped back, by their names."""

    def pytest_configure(self, config: pytest.Config) -> None:
        """Be found by fixtures."""
        config.stash[LOOKOUT] = self

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Begin after its set-up at the latest."""
        __tracebackhide__ = True
        if self._away and not _uses_us(item):
            return (yield)
        self.call_back(item)
        prepare(item)
        if ranks := item.config.stash.get(RANKS, None):
            ranks.begin(item)
        yield
        begin(item)

    def call_back(self, item: pytest.Item) -> None:
        """Let the other hooks be called from now on, in the midst of ``item``."""
        if self._away:
            self._per_test.joined = item
        while self._away:
            name, plugin = self._away.popitem()
            item.config.pluginmanager.register(plugin, name)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Let as few hooks be called as can be, where no test is going to need them."""
        config = session.config
        if self._away:
            return
        if _every_test_matters(config) or any(map(_uses_us, session.items)):
            _show_progress(config)
            return
        names = [PER_TEST]
        # Whether baselines are stale is judged by how far each test came, also where no test asks for one any more.
        if not (config.stash[SETTINGS].prune or config.stash[COLLECTING].has_baselines()):
            names.append(RECEIVER)
        for name in names:
            if (plugin := config.pluginmanager.get_plugin(name)) is not None:
                self._away[name] = config.pluginmanager.unregister(plugin)

    def register(self, plugins: pytest.PytestPluginManager) -> None:
        """Let all hooks be called, for the time being."""
        plugins.register(self, "footprint-lookout")
        plugins.register(self._per_test, PER_TEST)


LOOKOUT = pytest.StashKey[Lookout]()


def ready(item: pytest.Item) -> None:
    """Serve a fixture that was asked for in the midst of ``item``, which seemed not to need any."""
    if RECORDING in item.stash:
        return
    item.config.stash[LOOKOUT].call_back(item)
    prepare(item)


def _show_progress(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not reporter.isatty():
        return
    from pytest_footprint.pytest_plugin.output.progress import show_progress  # noqa: PLC0415 - loads where a person looks

    show_progress(config)


def _every_test_matters(config: pytest.Config) -> bool:
    settings = config.stash[SETTINGS]
    return (
        getattr(config.option, "dist", "no") != "no"  # what xdist's workers report is heard here
        or settings.limit is not None
        or settings.reads_every_test
        or RANKS in config.stash
        or any(getattr(config.hook, name).get_hookimpls() for name in _HOOKS)
    )


def _uses_us(item: pytest.Item) -> bool:
    return not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ())) or is_marked(item)

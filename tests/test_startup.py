"""A run that measures nothing pays next to nothing for the installed plugin."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

import pytest_footprint

HEAVY = ("torch", "tabulate", "numpy", "syrupy.extensions.json", "tomllib", "pytest_footprint.baseline")
"""What loads when a test asks. syrupy itself is here by its own entry point, with its default extensions."""


def modules_after(code: str) -> set[str]:
    """Names of the modules that are loaded after ``code`` has run in a new interpreter."""
    run = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", run], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["pytest_footprint", "pytest_footprint.pytest_plugin", "pytest_footprint.cli"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    loaded = modules_after(f"import {module}")

    assert module in loaded
    assert not loaded & {*HEAVY, "syrupy"}


def test_the_plugin_adds_little_to_what_pytest_has_loaded() -> None:
    before = modules_after("import pytest")

    added = modules_after("import pytest, pytest_footprint.pytest_plugin") - before

    # Ours, one file each, and what they need of the standard library: nothing that takes a millisecond.
    assert len(added) <= 31, sorted(added)


def test_a_run_that_measures_nothing_loads_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(
        f"""
        import sys

        def test_loaded_modules(request):
            assert request.config.pluginmanager.hasplugin("footprint")
            assert not [name for name in {HEAVY} if name in sys.modules]
            assert "pytest_footprint.pytest_plugin.baselines.syrupy_adaptor" not in sys.modules
        """
    )

    for options in ((), ("--mem-all", "--mem-report"), ("-n2",)):
        # Hypothesis's plugin imports numpy to reseed it, if it is loaded: without it the run is ours alone.
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *options)

        result.assert_outcomes(passed=1)


@pytest.mark.parametrize("name", pytest_footprint.__all__)
def test_every_public_name_loads(name: str) -> None:
    value = getattr(pytest_footprint, name)

    assert value.__name__ == name
    assert name in dir(pytest_footprint)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'pytest_footprint' has no attribute 'Footprints'"):
        importlib.import_module("pytest_footprint").Footprints  # noqa: B018 - reading it is the point

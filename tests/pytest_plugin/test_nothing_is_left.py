"""Whatever happens in a test, torch is as before and its tensors are gone when the next test starts."""

from __future__ import annotations

import sys

import pytest
from user_project import TORCH_WORKS, Project

CHECK_TORCH = """
    import sys, weakref
    import torch
    from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

    def hooks(name):
        found = vars(sys.modules[name])
        return {key: len(value) for key, value in found.items() if key.startswith("_global") and hasattr(value, "keys")}

    def installed():
        return (
            len(_get_current_dispatch_mode_stack()),
            torch.UntypedStorage.resize_,
            torch.nn.Module.__call__,
            torch.nn.Module.__setstate__,
            hooks("torch.nn.modules.module"),
            hooks("torch.optim.optimizer"),
        )

    BEFORE = installed()
    gone = {}

    def remember(name, tensor):
        gone[name] = weakref.ref(tensor.untyped_storage())
        return tensor
"""


@pytest.mark.parametrize("tracker", ["mem_tracker", "mod_tracker"])
def test_torch_is_as_before_after_every_kind_of_end(project: Project, tracker: str) -> None:
    project.write(CHECK_TORCH, name="check_torch")
    project.write(
        TORCH_WORKS,
        f"""
        from check_torch import BEFORE, installed

        @pytest.fixture
        def tracked({tracker}): pass

        @pytest.fixture
        def broken_set_up(tracked): raise OSError

        @pytest.fixture
        def broken_teardown(tracked):
            yield
            raise OSError

        class Broken(torch.nn.Module):
            def forward(self, x):
                raise ValueError

        def test_passes(tracked): torch.nn.Linear(2, 2)(torch.ones(2)).sum().backward()
        def test_after_pass(): assert installed() == BEFORE
        def test_fails_in_forward(tracked): Broken()(torch.ones(2))
        def test_after_failure(): assert installed() == BEFORE
        def test_skips(tracked): pytest.skip("now")
        def test_after_skip(): assert installed() == BEFORE
        def test_set_up(broken_set_up): pass
        def test_after_set_up(): assert installed() == BEFORE
        def test_teardown(broken_teardown): pass
        def test_after_teardown(): assert installed() == BEFORE
        def test_exits_the_run_alive(tracked): raise SystemExit
        def test_after_exit(): assert installed() == BEFORE
        """,
    )

    result = project.run()

    assert result.parseoutcomes() == {"passed": 8, "failed": 2, "skipped": 1, "errors": 2}


LEAK = """
    from check_torch import gone, remember

    def hold(name): return remember(name, torch.ones(1024))

    {decorator}
    def test_fails({fixtures}):
        local = hold("failed")
        try:
            inner = hold("cause")
            raise ValueError("first")
        except ValueError as cause:
            raise RuntimeError("second") from cause

    def test_all_is_gone():
        assert gone["failed"]() is None
        assert gone["cause"]() is None
"""


@pytest.mark.parametrize(
    ("decorator", "fixtures"),
    [("", "mem_tracker"), ("@pytest.mark.max_peak_memory('1GiB')", ""), ("", "mem_baseline")],
    ids=["tracker", "limit", "baseline"],
)
def test_tensors_of_a_failed_test_are_gone_when_the_next_starts(
    project: Project, decorator: str, fixtures: str
) -> None:
    project.write(CHECK_TORCH, name="check_torch")
    project.write(TORCH_WORKS, LEAK.format(decorator=decorator, fixtures=fixtures))

    result = project.run("--showlocals")

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["local *= tensor(*", "E *RuntimeError: second", "local *= tensor(*"])


def test_an_untracked_test_is_not_touched(project: Project) -> None:
    project.write(CHECK_TORCH, name="check_torch")
    project.write(
        TORCH_WORKS,
        """
        from check_torch import gone, remember

        error = ValueError("kept by the user")

        def test_fails():
            local = remember("failed", torch.ones(1024))
            raise error

        def test_its_variables_are_still_there():
            assert gone["failed"]() is not None
        """,
    )

    project.run().assert_outcomes(failed=1, passed=1)


def test_a_fixture_that_looks_for_leaks_in_its_teardown_finds_none(project: Project) -> None:
    project.write(CHECK_TORCH, name="check_torch")
    project.write(
        TORCH_WORKS,
        """
        from check_torch import gone, remember

        @pytest.fixture
        def no_leak():
            yield
            assert gone["failed"]() is None

        def test_fails(mem_tracker, no_leak):
            local = remember("failed", torch.ones(1024))
            raise ValueError("its own")
        """,
    )

    project.run().assert_outcomes(failed=1)


def test_the_debugger_still_sees_the_variables(project: Project, pytester: pytest.Pytester) -> None:
    project.write(TORCH_WORKS, "def test_fails(mem_tracker):\n    local = torch.full((2,), 7.0)\n    raise ValueError")

    result = pytester.run(
        "sh", "-c", f"printf 'p local\\nq\\n' | {sys.executable} -m pytest -p no:cacheprovider --pdb test_it.py"
    )

    result.stdout.fnmatch_lines(["*(Pdb)*tensor([[]7., 7.[]])*"])

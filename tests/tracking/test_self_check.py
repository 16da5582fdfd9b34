"""A torch that has moved something private is named before anything is recorded."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
from refusals import first_uses, refusal
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.modules import module as torch_module
from torch.optim import optimizer as torch_optimizer
from torch.profiler import ProfilerActivity, profile

from pytest_footprint.tracking import (
    MemTracker,
    ModTracker,
    ModuleTracker,
    internals,
    self_check,
)
from pytest_footprint.tracking.operators import kinds
from pytest_footprint.tracking.operators.inside_ops import ProfilerBusyError

Context = AbstractContextManager[object]


@pytest.fixture(autouse=True)
def first_use() -> Iterator[None]:
    with first_uses():
        yield


@pytest.mark.parametrize("tracker", [MemTracker, ModuleTracker, ModTracker])
@pytest.mark.parametrize("name", internals.NAMES)
def test_each_name_that_is_missing_is_named(
    name: str, tracker: Callable[[], Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(name, monkeypatch)

    assert f"\n  {name} is missing\n" in refusal(tracker)


@pytest.mark.parametrize("name", internals.PROFILER_NAMES)
def test_each_name_of_the_profiler_is_needed_inside_operators_only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(name, monkeypatch)

    MemTracker().run(torch.ones, 3)
    assert f"\n  {name} is missing\n" in refusal(lambda: MemTracker(inside_ops=True))


@pytest.mark.parametrize("name", sorted(kinds.KNOWN_BY_NAME))
def test_each_operator_that_is_known_by_name_is_needed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check, "KNOWN_BY_NAME", kinds.KNOWN_BY_NAME - {name} | {f"{name}_as_it_was"})

    assert f"\n  torch.ops.{name.replace('::', '.')}_as_it_was is missing\n" in refusal()


def hide(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove a name from torch; a C type keeps its own, so there the way to it is cut."""
    owner, _, attribute = name.rpartition(".")
    place = internals.found(owner)
    try:
        monkeypatch.delattr(place, attribute)
    except (AttributeError, TypeError):
        above, _, last = owner.rpartition(".")
        monkeypatch.setattr(internals.found(above), last, object())


def test_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch._C, "_current_graph_task_id")
    monkeypatch.delattr(torch._utils, "_rebuild_tensor")

    assert re.sub(r"pytest-footprint \S+ cannot measure with torch \S+,", "", refusal()) == (
        " which differs inside:\n"
        "  torch._C._current_graph_task_id is missing\n"
        "  torch._utils._rebuild_tensor is missing\n"
        "Nothing was recorded. Install a torch from 2.11.0 to 2.15.0, or a newer pytest-footprint;\n"
        "if there is none yet, please open an issue with this text."
    )


def test_what_is_missing_from_the_start_is_named_too() -> None:
    code = """
    import torch, torch.utils._python_dispatch
    del torch._C._current_autograd_node, torch._C._profiler._RecordFunctionFast
    del torch.nn.modules.module._has_any_global_hook, torch.utils._python_dispatch.TorchDispatchMode
    import pytest_footprint
    for tracker in pytest_footprint.MemTracker, pytest_footprint.ModTracker, pytest_footprint.ModuleTracker:
        try:
            with tracker():
                print("it began")
        except pytest_footprint.tracking.UnsupportedTorchError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "it began" not in done.stdout
    assert done.stdout.count("cannot measure with torch") == 3
    assert "torch._C._current_autograd_node is missing" in done.stdout
    assert "torch.utils._python_dispatch.TorchDispatchMode is missing" in done.stdout


@pytest.mark.parametrize(
    "within",
    [
        torch.no_grad,
        torch.inference_mode,
        FakeTensorMode,
        lambda: torch.device("meta"),
        torch.autograd.graph.save_on_cpu,
    ],
    ids=["no_grad", "inference_mode", "FakeTensorMode", "meta", "save_on_cpu"],
)
@pytest.mark.parametrize("inside_ops", [False, True], ids=["at ends", "inside"])
def test_the_first_use_may_be_anywhere(*, within: Callable[[], Context], inside_ops: bool) -> None:
    with within(), MemTracker(inside_ops=inside_ops) as tracker:
        tensor = torch.ones(3)

    assert tensor.numel() == 3
    assert len(tracker.trace.nbytes) == (tensor.device.type != "meta")


def test_the_first_use_may_be_in_a_backward() -> None:
    leaf, peaks = torch.ones(3, requires_grad=True), []
    product = leaf * 2
    product.register_hook(lambda _: peaks.append(MemTracker().run(torch.ones, 4).peak.total))

    product.sum().backward()

    assert peaks == [16]


def test_somebody_elses_profiler_is_named_at_first_use_too() -> None:
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as users:
        with pytest.raises(ProfilerBusyError):
            MemTracker(inside_ops=True).__enter__()
        torch.ones(3) + 1

    assert any(event.key == "aten::add" for event in users.key_averages())


def test_the_check_is_heard_by_nobody() -> None:
    heard: list[object] = []
    handles = [
        torch_module.register_module_forward_pre_hook(lambda *given: heard.append(given)),
        torch_optimizer.register_optimizer_step_pre_hook(lambda *given: heard.append(given)),
    ]
    state = torch.get_rng_state()

    with warnings.catch_warnings(record=True) as warned, Listening(heard):
        self_check.check()

    for handle in handles:
        handle.remove()
    assert heard == []
    assert warned == []
    assert torch.equal(torch.get_rng_state(), state)


class Listening(torch.utils._python_dispatch.TorchDispatchMode):
    def __init__(self, heard: list[object]) -> None:
        super().__init__()
        self.heard = heard

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.heard.append(func)
        return func(*args, **(kwargs or {}))


def test_the_check_loads_no_compiler() -> None:
    code = (
        "import sys, torch; before = set(sys.modules)\n"
        "from pytest_footprint.tracking import self_check; self_check.check(inside_ops=True)\n"
        "print(sorted({name.split('.')[1] for name in set(sys.modules) - before if name.startswith('torch.')}))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"_dynamo", "_inductor", "_export"} & set(re.findall(r"\w+", done.stdout)), done.stdout


def test_the_message_the_page_and_the_promises_name_the_same_versions() -> None:
    root = Path(__file__).parents[2]
    oldest, newest = internals.TESTED

    rows = re.findall(r"^\| (\d+\.\d+\.\d+) \|", (root / "docs" / "versions.md").read_text("utf-8"), re.MULTILINE)

    assert (rows[0], rows[-1]) == (oldest, newest)
    assert f"deps = torch=={oldest}\n" in (root / "tox.ini").read_text("utf-8")
    assert f'"torch>={oldest.removesuffix(".0")}"' in (root / "pyproject.toml").read_text("utf-8")

"""Programs on which other trackers raise, lie or silently change what runs."""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch._higher_order_ops import while_loop
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.nn.attention.flex_attention import flex_attention
from torch.utils.checkpoint import checkpoint

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.tracking import MemTracker, ModTracker


def _run(program: Callable[[], object]) -> Footprint:
    return MemTracker().run(program)


def test_fake_tensors_count_as_the_real_ones_would_however_the_modes_nest() -> None:
    def program() -> None:
        model = nn.Linear(100, 100)
        model(torch.randn(10, 100)).sum().backward()

    def inside() -> None:
        with FakeTensorMode():
            program()

    real = _run(program)
    with FakeTensorMode():
        outside = _run(program)

    assert outside.peak == _run(inside).peak == real.peak
    assert outside.backward == real.backward == ("Linear",)


def test_fake_tensors_of_a_device_that_is_not_there_count_on_that_device() -> None:
    def program() -> torch.Tensor:
        with FakeTensorMode():
            return torch.empty(1000, device="cuda") + 1

    peak = _run(program).peak

    assert dict(peak) == {"cuda:0": peak["cuda:0"]}
    assert peak.total == 2 * 4096  # CUDA's allocator gives 512-byte blocks


@pytest.mark.parametrize(("nbytes", "block"), [(0, 0), (1, 512), (512, 512), (513, 1024), (2**20 + 1, 2**20 + 512)])
def test_cuda_sizes_are_rounded_as_its_allocator_does_also_when_they_change(nbytes: int, block: int) -> None:
    with MemTracker() as tracker, FakeTensorMode():
        born = torch.empty(nbytes, dtype=torch.uint8, device="cuda")
        resized = torch.empty(5000, dtype=torch.uint8, device="cuda")
        resized.untyped_storage().resize_(nbytes)
        end = tracker.footprint().end

    assert born.nbytes == nbytes
    assert end.total == 2 * block


def test_symbolic_sizes_count_with_their_hints_and_unbacked_ones_do_not_raise() -> None:
    mode = FakeTensorMode(shape_env=ShapeEnv())
    x = mode.from_tensor(torch.randn(7, 3), static_shapes=False)

    def unbacked() -> torch.Tensor:
        with FakeTensorMode(shape_env=ShapeEnv()):
            return torch.ones(10).nonzero()

    assert _run(lambda: x * 2).peak.temporaries == 7 * 3 * 4
    assert _run(unbacked).peak.total == 40


def test_meta_tensors_have_no_memory() -> None:
    assert _run(lambda: torch.empty(10**9, device="meta") * 2).peak.total == 0


def _per_sample_gradients() -> object:
    model = nn.Linear(8, 8)
    parameters: dict[str, torch.Tensor] = dict(model.named_parameters())

    def loss(parameters: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, parameters, (x,)).sum()

    return torch.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, torch.randn(5, 8))


def _ensemble() -> object:
    models = [nn.Linear(8, 8) for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(models)
    base = copy.deepcopy(models[0]).to("meta")

    def call(parameters: Any, buffers: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(base, (parameters, buffers), (x,))

    torch.vmap(call, (0, 0, None))(parameters, buffers, torch.randn(4, 8)).sum().backward()
    return parameters


PROGRAMS: dict[str, Callable[[], object]] = {
    "func.grad": lambda: torch.func.grad(lambda x: (x**2).sum())(torch.randn(100)),
    "func.vmap": lambda: torch.vmap(nn.Linear(8, 8))(torch.randn(5, 8)),
    "func.jvp": lambda: torch.func.jvp(torch.sin, (torch.randn(100),), (torch.randn(100),)),
    "per-sample gradients": _per_sample_gradients,
    "ensemble": _ensemble,
    "cond": lambda: torch.cond(torch.tensor(True), torch.sin, torch.cos, (torch.randn(100),)),
    "while_loop": lambda: while_loop(
        lambda i, _: i < 3, lambda i, x: (i + 1, x * 2), (torch.tensor(0), torch.randn(100))
    ),
    "lazy": lambda: nn.LazyLinear(8)(torch.randn(4, 16)).sum().backward(),
    "jagged": lambda: torch.nested.nested_tensor([torch.randn(3, 4), torch.randn(5, 4)], layout=torch.jagged) * 2,
    "complex": lambda: torch.randn(100, dtype=torch.complex64).abs(),
    "float8": lambda: torch.randn(100).to(torch.float8_e4m3fn),
    "coo": lambda: torch.eye(10).to_sparse() * 2,
    "mkldnn": lambda: torch.randn(10, 10).to_mkldnn().to_dense(),
    "recursion": lambda: nn.Sequential(nn.Sequential(nn.ReLU()))(torch.randn(10)),
    "int parameters": lambda: nn.Embedding(4, 4).requires_grad_(False)(torch.tensor([1, 2])),
    "zero bytes": lambda: torch.empty(0) + torch.empty(0),
}


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize("name", PROGRAMS)
def test_tracking_changes_no_outcome(name: str) -> None:
    def leaves(value: object) -> list[torch.Tensor]:
        found = [leaf for leaf in torch.utils._pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]
        return [leaf.to_dense() if leaf.layout is torch.sparse_coo else leaf for leaf in found if not leaf.is_nested]

    torch.manual_seed(0)
    bare = leaves(PROGRAMS[name]())
    torch.manual_seed(0)
    with MemTracker() as tracker:
        tracked = leaves(PROGRAMS[name]())

    assert len(bare) == len(tracked)
    assert all(torch.equal(one, other) for one, other in zip(bare, tracked, strict=True))
    assert tracker.footprint().peak.total > 0 or name == "zero bytes"


@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is deprecated")
@pytest.mark.parametrize("number", [2.5, 3, 2j])
def test_numbers_that_torchscript_keeps_as_constants_are_tensors_where_only_tensors_may_stand(number: complex) -> None:
    def traced() -> tuple[str, torch.Tensor]:
        function = torch.jit.trace(lambda x: x.add(number), torch.ones(3), check_trace=False)
        return re.sub("#.*", "", str(function.graph)), function(torch.ones(3)) + function(torch.ones(3))

    graph, result = traced()
    with MemTracker():
        tracked_graph, tracked_result = traced()

    assert "prim::Constant" in graph
    assert graph == tracked_graph
    assert result.dtype == tracked_result.dtype
    assert torch.equal(result, tracked_result)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype stage")
def test_strided_nested_tensors_count_all_their_rows() -> None:
    footprint = _run(lambda: torch.nested.nested_tensor([torch.randn(3, 4), torch.randn(5, 4)]) * 2)

    assert footprint.peak.total >= 2 * (3 + 5) * 4 * 4


def test_eager_flex_attention_runs() -> None:
    q = torch.randn(1, 2, 16, 8)

    with pytest.warns(UserWarning, match="flex_attention called without torch.compile"):
        footprint = _run(lambda: flex_attention(q, q, q))

    assert footprint.peak.total > 0


def test_backward_in_another_thread_belongs_to_the_same_modules() -> None:
    model = nn.Linear(8, 8)

    def program() -> None:
        loss = model(torch.randn(4, 8)).sum()
        thread = threading.Thread(target=loss.backward)
        thread.start()
        thread.join()

    assert _run(program).end.gradients == (64 + 8) * 4


def test_modules_that_run_in_several_threads_do_not_disturb_each_other() -> None:
    models = [nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(3)]
    errors: list[BaseException] = []

    def work(model: nn.Module) -> None:
        try:
            for _ in range(20):
                model(torch.randn(4, 8)).sum().backward()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)

    def program() -> None:
        threads = [threading.Thread(target=work, args=(model,)) for model in models]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    footprint = _run(program)

    assert errors == []
    assert len(footprint.forward) == 3 * 20 * 3


def test_a_compiled_model_runs_compiled() -> None:
    calls: list[int] = []

    def backend(graph: torch.fx.GraphModule, example: object) -> Callable[..., object]:
        def run(*args: object) -> object:
            calls.append(1)
            return graph(*args)

        return run

    torch._dynamo.reset()
    model = torch.compile(nn.Sequential(nn.Linear(8, 8), nn.ReLU()), backend=backend)

    footprint = _run(lambda: model(torch.randn(4, 8)).sum().backward())

    assert calls == [1]
    assert footprint.forward == ("Sequential",)
    assert footprint.peak.activations > 0


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_model_has_the_name_that_it_has_without_compile(backend: str) -> None:
    torch._dynamo.reset()
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
    compiled = torch.compile(model, backend=backend)
    tracker = MemTracker()
    tracker.track_external(model)

    footprint = tracker.run(lambda: compiled(torch.randn(4, 8)).sum().backward())

    assert footprint.forward == ("Sequential",)
    assert {spec.name for spec in footprint.structure.tensors} == {"Sequential.0.weight", "Sequential.0.bias"}


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # of dynamo's own doing
def test_a_compiled_part_of_a_model_is_one_module() -> None:
    torch._dynamo.reset()
    part: Any = torch.compile(nn.Sequential(nn.Linear(8, 8), nn.ReLU()), backend="aot_eager")
    model = nn.Sequential(nn.Linear(8, 8), part)

    footprint = _run(lambda: model(torch.randn(4, 8)).sum().backward())

    assert footprint.forward == ("Sequential", "Sequential.0", "Sequential.1")


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_graphs_that_torch_makes_are_no_modules(*, compiled: bool) -> None:
    torch._dynamo.reset()
    model = torch.compile(Branching(), backend="aot_eager") if compiled else Branching()
    hooked: list[str | None] = []
    tracker = ModTracker()
    tracker.register_user_hooks(pre_fw_hook=lambda module, _: hooked.append(tracker.get_known_fqn(module)))

    order = tracker.run(model, torch.ones(4))
    footprint = _run(lambda: model(torch.ones(4)))

    assert footprint.forward == order.forward == tuple(hooked) == ("Branching",)


@pytest.mark.parametrize(
    "call",
    [
        lambda graph, x: graph(x),
        lambda graph, x: checkpoint(graph, x, use_reentrant=False),
        lambda graph, x: torch.func.functional_call(graph, {}, (x,)),
        lambda graph, x: torch.func.vmap(graph)(x),
        lambda graph, x: nn.Sequential(graph)(x),
    ],
    ids=["called", "checkpoint", "functional_call", "vmap", "in a model"],
)
def test_graphs_that_the_user_makes_are_modules(call: Callable[[torch.fx.GraphModule, torch.Tensor], object]) -> None:
    graph = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(8, 8)))  # torch names its class after the model

    footprint = _run(lambda: call(graph, torch.ones(4, 8)))

    assert footprint.forward[-2:] in {("Sequential", "Sequential.0"), ("Sequential.0", "Sequential.0.0")}

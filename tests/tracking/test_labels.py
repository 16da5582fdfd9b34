"""Every byte has the reference type that the program itself would give it."""

from __future__ import annotations

import contextlib
import copy
import io
import pickle
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import nn

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.tracking import MemTracker
from pytest_footprint.tracking.storages.owners import tensors_in


def _nbytes(*tensors: torch.Tensor | None) -> int:
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors if tensor is not None)


def _record(program: Callable[[], object]) -> tuple[Footprint, object]:
    """The footprint while what the program returned is still alive."""
    tracker = MemTracker()
    with tracker:
        kept = program()
        return tracker.footprint(), kept


def _optimizer_states(optimizer: torch.optim.Optimizer) -> int:
    return _nbytes(*(value for state in optimizer.state.values() for value in state.values()))


def _saved_and_loaded(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert isinstance(loaded, nn.Module)
    return loaded


def test_a_model_built_inside_is_parameters_and_buffers_from_birth() -> None:
    def program() -> nn.Module:
        model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
        model(torch.randn(4, 8))
        return model

    footprint, model = _record(program)

    assert isinstance(model, nn.Module)
    assert footprint.end.parameters == _nbytes(*model.parameters())
    assert footprint.end.buffers == _nbytes(*model.buffers())


def test_a_deep_copy_that_runs_is_parameters() -> None:
    def program() -> list[nn.Module]:
        model = nn.Linear(8, 8)
        average = copy.deepcopy(model)
        average(torch.randn(4, 8))
        model(torch.randn(4, 8))
        return [model, average]

    footprint, models = _record(program)

    assert isinstance(models, list)
    assert footprint.end.parameters == sum(_nbytes(*model.parameters()) for model in models)


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), _saved_and_loaded],  # noqa: S301 - its own
    ids=["deepcopy", "pickle", "torch.load"],
)
@pytest.mark.parametrize("built", ["inside", "before"])
def test_a_copy_of_a_model_that_never_runs_is_parameters_and_buffers(
    copied: Callable[[nn.Module], nn.Module], built: str
) -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.LSTM(8, 8))

    older = build()

    def program() -> list[nn.Module]:
        model = build() if built == "inside" else older
        return [copied(model), *([model] if built == "inside" else [])]

    footprint, models = _record(program)

    assert isinstance(models, list)
    assert footprint.end.parameters == sum(_nbytes(*model.parameters()) for model in models)
    assert footprint.end.buffers == sum(_nbytes(*model.buffers()) for model in models)
    assert footprint.end.total == footprint.end.parameters + footprint.end.buffers


def test_what_is_loaded_from_a_file_counts_once() -> None:
    file = io.BytesIO()
    weight = torch.zeros(1000)
    torch.save([weight, weight[2:]], file)
    file.seek(0)

    footprint, _ = _record(lambda: torch.load(file))

    assert footprint.end.total == 4000


def test_a_tensor_that_is_put_onto_an_older_storage_is_nothing_new() -> None:
    older = torch.zeros(1000)

    footprint, _ = _record(lambda: torch.empty(0).set_(older.untyped_storage()))

    assert footprint.end.total == 0


@pytest.mark.parametrize("before", [0, 500], ids=["empty", "filled"])
@pytest.mark.parametrize(
    "grow",
    [
        lambda older: torch.add(torch.ones(1000), 1, out=older.resize_(0)),
        lambda older: older.resize_(1000),
        lambda older: older.untyped_storage().resize_(4000),
    ],
    ids=["out=", "Tensor.resize_", "UntypedStorage.resize_"],
)
def test_an_older_tensor_that_is_enlarged_counts_with_what_it_grew(
    grow: Callable[[torch.Tensor], object], before: int
) -> None:
    older = torch.empty(before)

    footprint, _ = _record(lambda: grow(older))

    assert footprint.end.total - footprint.start.total == 4000 - 4 * before


def test_an_older_storage_that_is_emptied_counts_as_freed() -> None:
    older = torch.empty(1000)

    footprint, _ = _record(lambda: older.untyped_storage().resize_(0))

    assert (footprint.start.total, footprint.end.total) == (4000, 0)


@pytest.mark.parametrize("change", [nn.Module.bfloat16, nn.Module.double])
def test_parameters_that_change_their_dtype_stay_parameters(change: Callable[[nn.Module], nn.Module]) -> None:
    def program() -> nn.Module:
        model = nn.Linear(8, 8)
        model(torch.randn(4, 8))
        return change(model)

    footprint, model = _record(program)

    assert isinstance(model, nn.Module)
    assert footprint.end.parameters == footprint.end.total == _nbytes(*model.parameters())


def test_parameters_assigned_by_load_state_dict_are_parameters() -> None:
    def program() -> nn.Module:
        model = nn.Linear(8, 8)
        model(torch.randn(4, 8))
        fresh = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}
        model.load_state_dict(fresh, assign=True)
        return model

    footprint, model = _record(program)

    assert isinstance(model, nn.Module)
    assert footprint.end.parameters == footprint.end.total == _nbytes(*model.parameters())


def test_tied_parameters_count_once() -> None:
    def program() -> nn.Module:
        model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False))
        model[1].weight = model[0].weight
        model(torch.randn(4, 8))
        return model

    footprint, _ = _record(program)

    assert footprint.end.parameters == 8 * 8 * 4
    assert footprint.structure.tied == (("Sequential.0.weight", "Sequential.1.weight"),)


def test_views_into_one_flat_parameter_count_once() -> None:
    def program() -> nn.Module:
        model = nn.Linear(8, 8)
        flat = torch.zeros(72)
        model.weight.data, model.bias.data = flat[:64].view(8, 8), flat[64:]
        model(torch.randn(4, 8))
        return model

    footprint, _ = _record(program)

    assert footprint.end.parameters == 72 * 4


@pytest.mark.parametrize("foreach", [True, False], ids=["foreach", "for-loop"])
def test_optimizer_states_are_what_the_optimizer_keeps_and_not_its_temporaries(foreach: bool) -> None:  # noqa: FBT001
    def program() -> torch.optim.Optimizer:
        model = nn.Linear(64, 64)
        optimizer = torch.optim.Adam(model.parameters(), foreach=foreach)
        model(torch.randn(4, 64)).sum().backward()
        optimizer.step()
        return optimizer

    footprint, optimizer = _record(program)

    assert isinstance(optimizer, torch.optim.Optimizer)
    assert footprint.peak.optimizer_states == footprint.end.optimizer_states == _optimizer_states(optimizer)
    assert footprint.peak.temporaries > 0


def test_lbfgs_keeps_its_history_as_state_and_its_closure_makes_activations() -> None:
    model, x = nn.Linear(64, 64), torch.randn(512, 64)

    def program() -> torch.optim.Optimizer:
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = torch.tanh(model(x)).square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        return optimizer

    footprint, optimizer = _record(program)

    assert isinstance(optimizer, torch.optim.LBFGS)
    kept = {tensor.untyped_storage().data_ptr(): tensor for tensor in tensors_in(list(optimizer.state.values()))}
    assert footprint.end.optimizer_states == _nbytes(*kept.values())
    assert footprint.modules["Linear"].forward_peak.activations >= 512 * 64 * 4


def test_state_in_lists_and_nested_dicts_is_state() -> None:
    class Nested(torch.optim.SGD):
        def step(self, closure: None = None) -> None:  # type: ignore[override]
            for group in self.param_groups:
                for parameter in group["params"]:
                    self.state[parameter]["deep"] = {"list": [torch.zeros_like(parameter)]}

    def program() -> torch.optim.Optimizer:
        model = nn.Linear(8, 8)
        optimizer = Nested(model.parameters(), lr=0.1)
        model(torch.randn(4, 8)).sum().backward()
        optimizer.step()
        return optimizer

    footprint, _ = _record(program)

    assert footprint.end.optimizer_states == 72 * 4


def test_an_optimizer_that_steps_another_is_one_optimizer() -> None:
    class Lookahead(torch.optim.Optimizer):
        def __init__(self, inner: torch.optim.Optimizer) -> None:
            super().__init__(inner.param_groups[0]["params"], {})
            self.inner = inner

        def step(self, closure: None = None) -> None:  # type: ignore[override]
            self.inner.step()
            for group in self.param_groups:
                for parameter in group["params"]:
                    state = self.state[parameter]
                    if "slow" not in state:
                        state["slow"] = parameter.detach().clone()
                    state["slow"].add_(parameter.detach() - state["slow"], alpha=0.5)

    def program() -> torch.optim.Optimizer:
        model = nn.Linear(8, 8)
        optimizer = Lookahead(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))
        model(torch.randn(4, 8)).sum().backward()
        optimizer.step()
        return optimizer

    footprint, _ = _record(program)

    assert footprint.end.optimizer_states == 2 * 72 * 4


def test_after_a_failed_step_forwards_are_forwards_again() -> None:
    class Fails(torch.optim.SGD):
        def step(self, closure: None = None) -> None:  # type: ignore[override]
            message = "no step today"
            raise ArithmeticError(message)

    def program() -> torch.Tensor:
        model = nn.Linear(8, 8)
        with pytest.raises(ArithmeticError):
            Fails(model.parameters(), lr=0.1).step()
        return model(torch.randn(4, 8))

    footprint, _ = _record(program)

    assert footprint.end.activations == 4 * 8 * 4
    assert footprint.end.optimizer_states == 0


def test_gradients_are_gradients_from_birth_and_also_those_of_other_leaves() -> None:
    def program() -> list[torch.Tensor]:
        model, x = nn.Linear(64, 64), torch.randn(4, 64, requires_grad=True)
        model(x).sum().backward()
        return [x, *model.parameters()]

    footprint, leaves = _record(program)

    assert isinstance(leaves, list)
    assert footprint.end.gradients == _nbytes(*(leaf.grad for leaf in leaves))


def test_gradients_that_were_replaced_by_hand_are_gradients() -> None:
    def program() -> nn.Module:
        model = nn.Linear(8, 8)
        model(torch.randn(4, 8)).sum().backward()
        for parameter in model.parameters():
            assert parameter.grad is not None
            parameter.grad = parameter.grad / 2
        return model

    footprint, _ = _record(program)

    assert footprint.end.gradients == 72 * 4


def test_an_optimizer_in_backward_leaves_no_gradients() -> None:
    def program() -> nn.Module:
        model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
        optimizers = {parameter: torch.optim.SGD([parameter], lr=0.1, momentum=0.9) for parameter in model.parameters()}

        def step(parameter: torch.Tensor) -> None:
            optimizers[parameter].step()  # type: ignore[index]
            optimizers[parameter].zero_grad()  # type: ignore[index]

        for parameter in model.parameters():
            parameter.register_post_accumulate_grad_hook(step)
        model(torch.randn(4, 8)).sum().backward()
        return model

    footprint, _ = _record(program)

    assert footprint.end.gradients == 0
    assert footprint.end.optimizer_states == 2 * 72 * 4
    assert footprint.peak.gradients > 0


def test_a_batch_is_an_input_and_a_models_output_is_not() -> None:
    def program() -> list[torch.Tensor]:
        encoder, decoder = nn.Linear(8, 8), nn.Linear(8, 8)
        x = torch.randn(4, 8)
        with torch.no_grad():
            middle = encoder(x)
            return [x, middle, decoder(middle)]

    footprint, _ = _record(program)

    assert footprint.end.inputs == 4 * 8 * 4
    assert footprint.end.activations == 2 * 4 * 8 * 4


def test_inputs_passed_by_keyword_are_inputs() -> None:
    class Scaled(nn.Module):
        def forward(self, *, x: torch.Tensor, scale: dict[str, torch.Tensor]) -> torch.Tensor:
            return x * scale["by"]

    def program() -> list[torch.Tensor]:
        x, by = torch.randn(4, 8), torch.randn(8)
        Scaled()(x=x, scale={"by": by})
        return [x, by]

    footprint, _ = _record(program)

    assert footprint.end.inputs == (4 * 8 + 8) * 4
    assert footprint.modules["Scaled"].inputs == (4 * 8 + 8) * 4
    assert footprint.modules["Scaled"].outputs == 4 * 8 * 4


def test_inputs_of_inner_modules_count_keywords_too_also_when_the_forward_raises() -> None:
    class Inner(nn.Module):
        def forward(self, x: torch.Tensor, *, y: torch.Tensor, fails: bool = False) -> torch.Tensor:
            if fails:
                raise ValueError
            return x + y.sum()

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.works, self.fails = Inner(), Inner()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.ones(5, 5)
            with contextlib.suppress(ValueError):
                self.fails(x, y=y, fails=True)
            return self.works(x, y=y)

    footprint = MemTracker().run(Outer(), torch.ones(4))

    modules = footprint.modules
    assert modules["Outer.works"].inputs == modules["Outer.fails"].inputs == (4 + 5 * 5) * 4
    assert (modules["Outer.works"].outputs, modules["Outer.fails"].outputs) == (4 * 4, 0)


def test_computed_parameters_are_activations() -> None:
    def program() -> torch.Tensor:
        model, code = nn.Linear(8, 8, bias=False), torch.randn(64, requires_grad=True)
        return torch.func.functional_call(model, {"weight": (code * 2).view(8, 8)}, torch.randn(4, 8))

    footprint, _ = _record(program)

    assert footprint.end.parameters == 0


def test_forward_memory_that_dies_in_its_forward_is_temporary() -> None:
    class Wasteful(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                (x.repeat(100, 1) + 1).sum()
            return x * 2

    footprint, _ = _record(lambda: Wasteful()(torch.randn(8, 8, requires_grad=True)))

    assert footprint.peak.temporaries == 2 * 100 * 8 * 8 * 4
    assert footprint.end.activations == 8 * 8 * 4


def test_backward_temporaries_are_temporary_and_results_of_autograd_grad_are_gradients() -> None:
    def program() -> tuple[torch.Tensor, ...]:
        model, x = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8)), torch.randn(4, 8, requires_grad=True)
        return torch.autograd.grad(model(x).sum(), x)

    footprint, gradients = _record(program)

    assert isinstance(gradients, tuple)
    assert footprint.end.gradients == _nbytes(*gradients)


def test_what_track_external_is_given_is_other_unless_it_is_something() -> None:
    model, extra = nn.Linear(8, 8), torch.zeros(100)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(4, 8)).sum().backward()
    optimizer.step()
    tracker = MemTracker()

    tracker.track_external(model, [optimizer, {"extra": extra}, None])

    end = tracker.footprint().end
    assert end.parameters == end.gradients == 72 * 4
    assert end.optimizer_states == _optimizer_states(optimizer)
    assert end.other == 400


def test_track_external_names_what_it_cannot_take() -> None:
    with pytest.raises(TypeError, match="track_external takes modules, optimizers and tensors, not int: 3"):
        MemTracker().track_external({"batch": 3})


def test_a_preexisting_model_counts_from_the_start() -> None:
    model = nn.Linear(8, 8)

    footprint = MemTracker().run(model, torch.randn(4, 8))

    assert footprint.start.parameters == footprint.peak.parameters == 72 * 4
    assert footprint.start.inputs == 4 * 8 * 4


def test_sparse_gradients_are_gradients() -> None:
    def program() -> nn.Module:
        model = nn.Embedding(100, 8, sparse=True)
        model(torch.randint(100, (4,))).sum().backward()
        return model

    footprint, model = _record(program)

    assert isinstance(model, nn.Embedding)
    assert model.weight.grad is not None
    assert footprint.end.gradients == _nbytes(model.weight.grad._indices(), model.weight.grad._values())


def test_logits_kept_for_a_metric_are_activations_at_the_end() -> None:
    kept: list[torch.Tensor] = []
    model, x, y = nn.Linear(8, 100), torch.randn(4, 8), torch.randint(100, (4,))

    def step() -> None:
        logits = model(x)
        kept.append(logits)
        F.cross_entropy(logits, y).backward()

    footprint = MemTracker().run(step, steps=1, warmup=1)

    assert footprint.growth.activations == footprint.growth.total == 4 * 100 * 4


def test_an_array_counts_from_when_a_tensor_shares_it() -> None:
    array = torch.zeros(1000).numpy()

    footprint, _ = _record(lambda: torch.from_numpy(array))

    assert (footprint.start.total, footprint.end.total) == (0, 4000)

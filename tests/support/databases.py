"""Programs out of torch's own databases: every operator, module and optimizer with the samples that torch tests it by.

Importing this takes two seconds and warns.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from exactness import Program, differences
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db
from torch.testing._internal.common_optimizers import optim_db

from pytest_footprint.tracking import MemTracker
from pytest_footprint.tracking.storages.owners import tensors_in

NOT_REPRODUCIBLE = ("empty", "linalg.lstsq")
"""Entries whose results change from run to run: memory that nobody wrote; LAPACK, by where its own memory lies."""
_FLOAT = torch.float32
_STEPS = 2


@dataclass(frozen=True)
class Entry:
    """One entry of a database, in one dtype."""

    database: str
    name: str
    dtype: torch.dtype
    values: bool
    """Whether its results can be compared: see `NOT_REPRODUCIBLE`."""
    is_first: bool
    """Whether the dtype is the one in which all samples are run: float32 where it is supported."""
    programs: Callable[[], Iterable[Program]]
    """A program for each sample, anew at each call: a program that ran may have changed its sample."""

    def __str__(self) -> str:
        return f"{self.database}/{self.name}/{str(self.dtype).removeprefix('torch.')}"

    def differences(self, most: int | None = None) -> list[list[str]]:
        """What `differences` says of each sample, or of the first ``most``."""
        copies = [_seeded(self.programs, most) for _ in range(3)]
        return [differences(_one_after_another(same), values=self.values) for same in zip(*copies, strict=True)]


def entries(*, every_dtype: bool) -> list[Entry]:
    """All entries in one dtype each, or in every dtype that they support on a CPU."""
    return [*_operators(every_dtype=every_dtype), *_modules(every_dtype=every_dtype), *_optimizers()]


def _seeded(programs: Callable[[], Iterable[Program]], most: int | None) -> list[Program]:
    torch.manual_seed(0)
    return list(islice(programs(), most))


def _one_after_another(programs: Iterable[Program]) -> Program:
    copies = iter(programs)

    def program(tracker: MemTracker | None) -> object:
        return next(copies)(tracker)

    return program


def _operators(*, every_dtype: bool) -> Iterator[Entry]:
    for info in op_db:
        name = ".".join(part for part in (info.name, info.variant_test_name) if part)
        for place, dtype in enumerate(_dtypes(info.supported_dtypes("cpu"), every_dtype=every_dtype)):
            grad = dtype in info.supported_backward_dtypes("cpu") and info.supports_autograd
            yield Entry(
                database="op_db",
                name=name,
                dtype=dtype,
                values=not any(part in name for part in NOT_REPRODUCIBLE),
                is_first=place == 0,
                programs=functools.partial(_operator_programs, info, dtype, grad),
            )


def _dtypes(supported: Iterable[torch.dtype], *, every_dtype: bool) -> list[torch.dtype]:
    found = sorted(supported, key=lambda dtype: (dtype is not _FLOAT, str(dtype)))
    return found if every_dtype else found[:1]


def _operator_programs(info: Any, dtype: torch.dtype, grad: bool) -> Iterator[Program]:  # noqa: FBT001 - bound by name of place
    for sample in info.sample_inputs("cpu", dtype, requires_grad=grad):
        yield functools.partial(_operator, info, sample)


def _operator(info: Any, sample: Any, _: MemTracker | None) -> object:
    out = info(sample.input, *sample.args, **sample.kwargs)
    _backward(sample.output_process_fn_grad(out))
    leaves = [tensor for tensor in tensors_in((sample.input, sample.args, sample.kwargs)) if tensor.is_leaf]
    return out, [leaf.grad for leaf in leaves]


def _backward(out: object) -> None:
    reached = [tensor for tensor in tensors_in(out) if tensor.requires_grad]
    if reached:
        torch.autograd.backward(reached, [torch.ones_like(tensor) for tensor in reached])


def _modules(*, every_dtype: bool) -> Iterator[Entry]:
    for info in module_db:
        for place, dtype in enumerate(_dtypes(info.supported_dtypes("cpu"), every_dtype=every_dtype)):
            for training in (True, False) if info.train_and_eval_differ else (True,):
                yield Entry(
                    database="module_db",
                    name=info.name + ("" if training else ".eval"),
                    dtype=dtype,
                    values=True,
                    is_first=place == 0,
                    programs=functools.partial(_module_programs, info, dtype, training),
                )


def _module_programs(info: Any, dtype: torch.dtype, training: bool) -> Iterator[Program]:  # noqa: FBT001 - as above
    samples = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
    for sample in samples:
        yield functools.partial(_module, info.module_cls, sample, dtype, training)


def _module(kind: Any, sample: Any, dtype: torch.dtype, training: bool, _: MemTracker | None) -> object:  # noqa: FBT001
    module = kind(*sample.constructor_input.args, **sample.constructor_input.kwargs)
    module.to(dtype).train(training)
    if sample.forward_input is None:
        return list(module.parameters())
    out = module(*sample.forward_input.args, **sample.forward_input.kwargs)
    _backward(out)
    return out, module.state_dict(), [parameter.grad for parameter in module.parameters()]


def _optimizers() -> Iterator[Entry]:
    infos: list[Any] = optim_db
    for info in infos:
        for implementation in ("plain", *info.supported_impls):
            yield Entry(
                database="optim_db",
                name=f"{info.optim_cls.__name__}.{implementation}",
                dtype=_FLOAT,
                values=True,
                is_first=True,
                programs=functools.partial(_optimizer_programs, info, implementation),
            )


def _optimizer_programs(info: Any, implementation: str) -> Iterator[Program]:
    for sample in info.optim_inputs_func(device="cpu"):
        options = dict(sample.kwargs)
        if implementation != "plain":
            options[implementation] = True
        yield functools.partial(_optimizer, info, options)


def _optimizer(info: Any, options: dict[str, Any], _: MemTracker | None) -> object:
    sparse, matrices = info.only_supports_sparse_grads, info.optim_cls is torch.optim.Muon
    model = torch.nn.Sequential(torch.nn.Embedding(12, 8, sparse=sparse), torch.nn.Linear(8, 8), torch.nn.Linear(8, 8))
    trained = list(model[0].parameters() if sparse else model.parameters())
    parameters = [parameter for parameter in trained if parameter.ndim == 2] if matrices else trained
    optimizer = info.optim_cls(parameters, **options)
    tokens = torch.arange(6)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(tokens).square().mean()
        loss.backward()
        return loss

    for _step in range(_STEPS):
        if info.step_requires_closure:
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
    return model.state_dict(), optimizer.state_dict()["state"], [parameter.grad for parameter in model.parameters()]

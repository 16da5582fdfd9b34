"""The steps of random programs; importing this fills `programs.ACTIONS`."""

from __future__ import annotations

import copy
import io
from typing import Any

import torch
from exactness import LARGEST_NUMBER
from program_modules import MODULES
from programs import WIDTH, State, action
from torch.nn import functional

_DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.complex64, torch.bool)

# -- new tensors ---------------------------------------------------------------------------------------------------


@action
def new(state: State, a: int, b: int) -> None:
    makers: tuple[Any, ...] = (torch.randn, torch.zeros, torch.rand, torch.ones)
    state.keep(makers[b % 4](1 + a, WIDTH, requires_grad=b % 3 == 0))


@action
def from_numbers(state: State, a: int, b: int) -> None:
    state.keep(torch.tensor([[float(a)] * WIDTH] * (1 + b)), torch.arange(4 + a), torch.eye(4 + b))


@action
def like(state: State, a: int, b: int) -> None:
    makers: tuple[Any, ...] = (torch.zeros_like, torch.ones_like, torch.clone, torch.rand_like)
    state.keep(makers[b % 4](state.tensor(a)))


@action
def cast(state: State, a: int, b: int) -> None:
    state.keep(state.tensor(a).to(_DTYPES[b % len(_DTYPES)]))


# -- operators -----------------------------------------------------------------------------------------------------


@action
def unary(state: State, a: int, b: int) -> None:
    functions: tuple[Any, ...] = (
        torch.exp, torch.tanh, torch.relu, functional.gelu, torch.abs, lambda x: x * 2.0, lambda x: -x,
        lambda x: functional.dropout(x, 0.5), lambda x: x.softmax(-1), lambda x: x.cumsum(0), torch.sum, torch.isnan,
    )  # fmt: skip
    state.keep(functions[b % len(functions)](state.tensor(a)))


@action
def binary(state: State, a: int, b: int) -> None:
    x, y = state.matrix(a), state.matrix(b)
    functions: tuple[Any, ...] = (torch.add, torch.mul, torch.cdist, lambda x, y: x @ y.T, torch.hypot, torch.maximum)
    state.keep(functions[(a + b) % len(functions)](x, y))


@action
def several(state: State, a: int, b: int) -> None:
    functions: tuple[Any, ...] = (
        torch.sort, lambda x: x.topk(1), lambda x: torch.var_mean(x.float()), torch.unique, torch.nonzero,
        lambda x: x.max(0), lambda x: torch.linalg.qr(x.reshape(-1, 2).float()), torch.frexp,
    )  # fmt: skip
    out = functions[b % len(functions)](state.tensor(a))
    state.keep(*([out] if isinstance(out, torch.Tensor) else out))


@action
def joined(state: State, a: int, b: int) -> None:
    x, y = state.matrix(a), state.matrix(b)
    state.keep(torch.cat([x, y]), torch.stack([x, x]), torch.where(x > 0, x, 1.0))


# -- views, in place, aliases --------------------------------------------------------------------------------------


@action
def view(state: State, a: int, b: int) -> None:
    functions: tuple[Any, ...] = (
        lambda x: x.view(-1), torch.t, lambda x: x[::2], lambda x: x.unsqueeze(0).expand(3, *x.shape),
        torch.detach, lambda x: x.unbind(0)[-1], lambda x: x.split(1)[0], lambda x: x.as_strided((2,), (1,)),
        lambda x: x.reshape(2, -1), lambda x: x.contiguous(), lambda x: x.real, lambda x: x.view(torch.uint8),
    )  # fmt: skip
    state.keep(functions[b % len(functions)](state.tensor(a)))


@action
def in_place(state: State, a: int, b: int) -> None:
    functions: tuple[Any, ...] = (
        lambda x: x.add_(1), lambda x: x.mul_(x), lambda x: x.zero_(), lambda x: x.relu_(), lambda x: x.t_(),
        lambda x: x.copy_(torch.ones(x.shape)), lambda x: x.masked_fill_(x > 0, 1),
        lambda x: x.index_fill_(0, torch.arange(1), 2),
        lambda x: x.normal_(), lambda x: x.unsqueeze_(0), lambda x: x.requires_grad_(), lambda x: x.sub_(x.sum()),
    )  # fmt: skip
    functions[b % len(functions)](state.tensor(a))


@action
def assigned(state: State, a: int, b: int) -> None:
    target, source = state.tensor(a), state.tensor(b)
    if (a + b) % 3 == 0:
        target.data = source
    elif (a + b) % 3 == 1:
        target.set_(source)  # type: ignore[call-overload] # torch's annotations do not know this form
    else:
        target.set_(source.untyped_storage())


# -- sizes ---------------------------------------------------------------------------------------------------------


def _clear(storage: torch.UntypedStorage, since: int) -> None:
    """New memory holds whatever was there, and results are compared."""
    if storage.nbytes() > since:
        storage[since:].fill_(0)


@action
def resized(state: State, a: int, b: int) -> None:
    tensor = state.tensor(a)
    if tensor.requires_grad and a % 4:
        tensor = tensor.detach().clone()
        state.keep(tensor)
    before = tensor.untyped_storage().nbytes()
    try:
        tensor.resize_(b * 5)
    finally:  # of an inference tensor torch says no after it has done it
        _clear(tensor.untyped_storage(), before)


@action
def storage_grown(state: State, a: int, b: int) -> None:
    storage = state.tensor(a).untyped_storage()
    before = storage.nbytes()
    storage.resize_(before + 16 * (1 + b))
    _clear(storage, before)


@action
def storage_freed_and_refilled(state: State, a: int, b: int) -> None:
    tensor = state.tensor(a).detach()
    storage, values = tensor.untyped_storage(), tensor.untyped_storage().clone()
    nbytes = storage.nbytes()
    storage.resize_(0)
    held = torch.ones(64 * (1 + b))
    storage.resize_(nbytes)
    storage.copy_(values)
    state.keep(held)


@action
def out(state: State, a: int, b: int) -> None:
    x, target = state.matrix(a).detach(), torch.zeros((0,) if b % 2 else (2, WIDTH))
    state.keep(torch.add(x, 1, out=target), torch.sort(x, out=(torch.empty(0), torch.empty(0, dtype=torch.long)))[1])
    last = state.tensor(b)
    before = last.untyped_storage().nbytes()
    try:
        torch.mul(x, x, out=last)
    finally:
        _clear(last.untyped_storage(), before)


@action
def storage_made(state: State, a: int, b: int) -> None:
    storage = torch.UntypedStorage(64 * (1 + a))
    _clear(storage, 0)
    state.keep(torch.empty(0).set_(storage, 0, (16 * (1 + a),), (1,)))


# -- lives ---------------------------------------------------------------------------------------------------------


@action
def dropped(state: State, a: int, b: int) -> None:
    del state.pool[a % 12 : a % 12 + 1 + b % 3]


@action
def module_dropped(state: State, a: int, b: int) -> None:
    del state.modules[a % 4 : a % 4 + 1]
    if b % 2:
        state.optimizers.clear()


@action
def copied(state: State, a: int, b: int) -> None:
    if b % 2:
        state.modules.append(copy.deepcopy(state.module(a)))
    else:
        state.keep(copy.deepcopy(state.tensor(a)))


@action
def saved_and_loaded(state: State, a: int, b: int) -> None:
    tensor, file = state.tensor(a), io.BytesIO()
    if tensor.untyped_storage().nbytes() <= LARGEST_NUMBER:
        return  # the allocator's account takes so little for a wrapped number
    torch.save(tensor, file)
    file.seek(0)
    state.keep(torch.load(file))


# -- sparse --------------------------------------------------------------------------------------------------------


@action
def sparse(state: State, a: int, b: int) -> None:
    x = state.matrix(a)
    functions: tuple[Any, ...] = (
        lambda: x.relu().to_sparse(), x.to_sparse_csr, x.to_sparse_csc,
        lambda: torch.Tensor.coalesce(x.to_sparse() + x.to_sparse()), lambda: torch.sparse.mm(x.to_sparse(), x.T),
        lambda: torch.Tensor.to_dense(x.to_sparse()), lambda: x.to_sparse_bsr((1, 2)), x.detach().to_mkldnn,
    )  # fmt: skip
    state.keep(functions[b % len(functions)]())


# -- modules -------------------------------------------------------------------------------------------------------


@action
def module(state: State, a: int, b: int) -> None:
    state.modules.append(MODULES[(a + b) % len(MODULES)]())
    del state.modules[:-3]


@action
def called(state: State, a: int, b: int) -> None:
    state.keep(state.module(a)(state.matrix(b)))


@action
def functionally_called(state: State, a: int, b: int) -> None:
    chosen = state.module(a)
    weights = {name: parameter * 2 for name, parameter in chosen.named_parameters()}
    state.keep(torch.func.functional_call(chosen, weights, (state.matrix(b),)))


@action
def module_cast(state: State, a: int, b: int) -> None:
    state.module(a).to(_DTYPES[b % 3])


@action
def frozen(state: State, a: int, b: int) -> None:
    state.module(a).requires_grad_(b % 2 == 0).train(b % 3 == 0)


@action
def reloaded(state: State, a: int, b: int) -> None:
    chosen = state.module(a)
    weights = {name: tensor.clone() for name, tensor in chosen.state_dict().items()}
    chosen.load_state_dict(weights, assign=b % 2 == 0)


# -- gradients -----------------------------------------------------------------------------------------------------


@action
def backward(state: State, a: int, b: int) -> None:
    state.tensor(a).float().sum().backward(retain_graph=b % 3 == 0)


@action
def trained(state: State, a: int, b: int) -> None:
    state.module(a)(state.matrix(b)).square().mean().backward()


@action
def gradient(state: State, a: int, b: int) -> None:
    x = state.matrix(a).detach().requires_grad_()
    loss = state.module(b)(x).square().sum()
    state.keep(*torch.autograd.grad(loss, x, create_graph=b % 2 == 0))


@action
def gradient_of_gradient(state: State, a: int, b: int) -> None:
    x = state.matrix(a).detach().requires_grad_()
    (slope,) = torch.autograd.grad(state.module(b)(x).tanh().sum(), x, create_graph=True)
    (slope.square().sum() + slope.norm()).backward()
    state.keep(slope)


@action
def hooked(state: State, a: int, b: int) -> None:
    state.tensor(a).register_hook(lambda gradient: gradient * 2)


@action
def functional_gradient(state: State, a: int, b: int) -> None:
    x = state.matrix(a).detach()
    if b % 3 == 0:
        state.keep(torch.func.grad(lambda y: y.tanh().sum())(x))
    elif b % 3 == 1:
        state.keep(torch.func.vmap(lambda row: row.exp() * row)(x))
    else:
        state.keep(*torch.func.jvp(torch.tanh, (x,), (x,)))


@action
def gradient_dropped(state: State, a: int, b: int) -> None:
    if b % 2:
        state.module(a).zero_grad()
    else:
        state.tensor(a).grad = None


# -- optimizers ----------------------------------------------------------------------------------------------------


@action
def optimizer(state: State, a: int, b: int) -> None:
    parameters = list(state.module(a).parameters())
    makers: tuple[Any, ...] = (
        lambda: torch.optim.SGD(parameters, 0.1, momentum=0.9),
        lambda: torch.optim.SGD(parameters, 0.1, momentum=0.9, foreach=True),
        lambda: torch.optim.Adam(parameters, foreach=False),
        lambda: torch.optim.Adam(parameters, foreach=True, amsgrad=True),
        lambda: torch.optim.AdamW(parameters, fused=True),
        lambda: torch.optim.RMSprop(parameters, centered=True),
        lambda: torch.optim.Adagrad(parameters),
        lambda: torch.optim.Adafactor(parameters),
        lambda: torch.optim.LBFGS(parameters, max_iter=2),
    )
    state.optimizers.append(makers[b % len(makers)]())
    del state.optimizers[:-2]


@action
def stepped(state: State, a: int, b: int) -> None:
    if not state.optimizers:
        optimizer(state, a, b)
    chosen = state.optimizers[a % len(state.optimizers)]

    def closure() -> torch.Tensor:
        chosen.zero_grad()
        loss = state.module(a)(state.matrix(b)).square().mean()
        loss.backward()
        return loss

    chosen.step(closure)  # type: ignore[arg-type] # torch's own optimizers take a tensor


@action
def gradients_cleared(state: State, a: int, b: int) -> None:
    for each in state.optimizers:
        each.zero_grad(set_to_none=a % 2 == 0)

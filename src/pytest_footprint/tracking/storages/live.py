"""The storages that are alive, and what the program calls them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence

import torch

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import CODE_BITS, OUTSIDE, Event, Phase
from pytest_footprint.trace.labels import KIND, RANK
from pytest_footprint.trace.trace import Trace
from pytest_footprint.tracking.storages.births import adder, in_blocks
from pytest_footprint.tracking.storages.layouts import Layouts
from pytest_footprint.tracking.storages.owners import Owner, owner_nbytes, plain_storage, storages
from pytest_footprint.tracking.storages.tracked import Tracked, freed_callback

_RESIZED = int(Event.RESIZED)
_EXISTING = int(Phase.EXISTING)
_NOT_BORN_HERE = (_EXISTING, int(Phase.OPTIMIZER))
_GRADIENT = RefType.GRADIENT
_NO_MODULE = (-1,)
_RANK_OF = {kind: RANK[KIND[kind]] for kind in RefType if KIND[kind] in RANK}
_GRADIENT_OF = {
    RefType.SHARDED_PARAMETER: RefType.SHARDED_GRADIENT,
    RefType.UNSHARDED_PARAMETER: RefType.UNSHARDED_GRADIENT,
}
PARAMETER_RANK, _GRADIENT_RANK = _RANK_OF[RefType.PARAMETER], _RANK_OF[_GRADIENT]


class LiveStorages:
    """Writes the rows of storages and of what they are called into a trace, and knows those that are alive."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.by_id: dict[int, Tracked] = {}
        """By the identity of the storage's Python object, which torch keeps for as long as the storage lives."""
        self.owners: dict[int, int] = {}
        """Row of a parameter's storage -> row of its module."""
        self._gradients: dict[int, RefType] = {}
        """Row of the storage of a parameter that FSDP shards -> what its gradient is."""
        self.layouts = Layouts(trace.layouts)
        self._in_blocks: set[int] = set()
        self.add = adder(trace, self.by_id, freed_callback(self.by_id, trace), self.layouts, self._in_blocks)
        self._leaves: dict[int, weakref.ref[torch.Tensor]] = {}

    def add_resized(  # noqa: PLR0913, PLR0917 - the columns of a row
        self, before: int, owner: Owner, plain: torch.Tensor, op: int, scope: int, phase: int, source: int
    ) -> None:
        """A row for memory that was not known and had ``before`` bytes until now.

        Where that was nothing it is born; else it is older than the recording, and what counts is the difference.
        """
        if not before:
            self.add(owner, plain, op, scope, phase, source)
            return
        found = self.add(owner, plain, -1, OUTSIDE, _EXISTING, -1)
        if found is not None:
            size = in_blocks(before) if self.trace.device[found.storage] in self._in_blocks else before
            found.nbytes = self.trace.nbytes[found.storage] = size
            self.check_size(owner, found)

    def check_size(self, owner: Owner, found: Tracked) -> None:
        """Note it when a known storage is larger or smaller than it was."""
        size = owner_nbytes(owner)
        if size != found.nbytes and self.trace.device[found.storage] in self._in_blocks:
            size = in_blocks(size)
        if size != found.nbytes:
            found.nbytes = size
            self.trace.resized_storage.append(found.storage)
            self.trace.resized_to.append(size)
            self.trace.events.append(len(self.trace.resized_to) - 1 << CODE_BITS | _RESIZED)

    # -- what the program calls them ---------------------------------------------------------------------------------

    def label(self, tensor: torch.Tensor, kind: RefType, module: int = -1) -> None:
        """Say what a tensor is; what was not known until now is older than the recording."""
        found = self.by_id.get(id(plain_storage(tensor)))
        if found is not None:
            self._label(found, kind, module)
            return
        for owner, plain in storages(tensor):
            found = self.by_id.get(id(owner))
            if found is None:
                found = self.add(owner, plain, -1, OUTSIDE, _EXISTING, -1)
            if found is not None:
                self._label(found, kind, module)

    def _label(self, found: Tracked, kind: RefType, module: int) -> None:
        rank = _RANK_OF[kind]
        if found.rank < rank:
            found.rank, found.modules = rank, (module,)
        elif found.rank > rank or module < 0 or module in found.modules:
            return  # by far the commonest: parameters are looked at again and again
        else:
            found.modules = (*found.modules, module)
        trace = self.trace
        trace.label_storage.append(found.storage)
        trace.label_type.append(KIND[kind])
        trace.label_module.append(module)
        if kind in _GRADIENT_OF:
            self._gradients[found.storage] = _GRADIENT_OF[kind]
        elif kind is not RefType.PARAMETER:
            return
        if module >= 0:
            self.owners.setdefault(found.storage, module)

    def label_births(self, first: int, kind: RefType) -> None:
        """Say what all storages are that were born since there were ``first``; optimizers may have made some."""
        trace = self.trace
        number = KIND[kind]
        for row in range(first, len(trace.nbytes)):
            if trace.phase[row] not in _NOT_BORN_HERE:
                trace.label_storage.append(row)
                trace.label_type.append(number)
                trace.label_module.append(-1)

    def label_parameter(self, parameter: torch.Tensor, module: int = -1) -> None:
        """Label a parameter and its gradient; all of them are looked at often, and seldom is there news."""
        if not parameter.is_leaf:
            return  # computed, as functional_call puts them into modules: an activation
        found = self.by_id.get(id(plain_storage(parameter)))
        if found is None or found.rank < PARAMETER_RANK or (module >= 0 and module not in found.modules):
            self.label(parameter, RefType.PARAMETER, module)
        if parameter.grad is not None:
            self.label_gradient(parameter)

    def label_gradient(self, leaf: torch.Tensor) -> None:
        """Label the gradient of a leaf tensor where it has one."""
        gradient = leaf.grad
        if gradient is None:
            return
        found = self.by_id.get(id(plain_storage(gradient)))
        if found is None or found.rank < _GRADIENT_RANK or found.modules == _NO_MODULE:
            self.label_as_gradient(gradient, leaf)

    def label_as_gradient(self, gradient: torch.Tensor, leaf: torch.Tensor) -> None:
        """Label what is the gradient of a leaf tensor, or becomes it; FSDP's parameters have two kinds of gradients."""
        row = self.row(leaf)
        self.label(gradient, self._gradients.get(row, _GRADIENT), self.owners.get(row, -1))

    def label_gradients(self) -> None:
        """Find the gradients of all leaves that backward has reached."""
        for leaf in self.leaves():
            self.label_gradient(leaf)

    def leaves(self) -> Iterator[torch.Tensor]:
        """The leaf tensors that backward has reached and that are alive."""
        for reference in tuple(self._leaves.values()):
            leaf = reference()
            if leaf is not None:
                yield leaf

    def remember_leaf(self, leaf: torch.Tensor) -> None:
        """Backward accumulates the gradient of ``leaf``."""
        key, leaves = id(leaf), self._leaves
        if key not in leaves:
            leaves[key] = weakref.ref(leaf, lambda _: leaves.pop(key, None))

    def owner(self, parameter: torch.Tensor) -> int:
        """The row of the module that a parameter belongs to, -1 when no module has called it its own."""
        return self.owners.get(self.row(parameter), -1)

    # -- what they are -----------------------------------------------------------------------------------------------

    def rows(self, tensor: torch.Tensor) -> Sequence[int]:
        """The rows of the storages below a tensor that are known."""
        storage = plain_storage(tensor)
        if storage is not None:
            found = self.by_id.get(id(storage))
            return () if found is None else (found.storage,)
        owners = (self.by_id.get(id(owner)) for owner, _ in storages(tensor))
        return [found.storage for found in owners if found is not None]

    def row(self, tensor: torch.Tensor) -> int:
        """The row of the first storage below a tensor, -1 when it is not known."""
        found = self.by_id.get(id(plain_storage(tensor)))
        return found.storage if found is not None else next(iter(self.rows(tensor)), -1)

    @staticmethod
    def nbytes(tensors: Sequence[torch.Tensor]) -> int:
        """Bytes of the storages below some tensors, each once."""
        if len(tensors) == 1 and (storage := plain_storage(tensors[0])) is not None:
            return owner_nbytes(storage)
        sizes = {id(owner): owner_nbytes(owner) for tensor in tensors for owner, _ in storages(tensor)}
        return sum(sizes.values())

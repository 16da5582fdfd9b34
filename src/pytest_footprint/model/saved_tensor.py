"""What autograd keeps for backward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.codec import NOT_STORED
from pytest_footprint.model.contents import contents_text, dtypes_text
from pytest_footprint.model.fqn import matches
from pytest_footprint.model.known_names import check_module
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType


@dataclass(frozen=True, slots=True)
class SavedTensor:
    """One storage that autograd keeps for backward; parameters, buffers and inputs are not listed."""

    fqn: str
    """The module whose backward needs it; ``""`` outside all modules."""
    op: str
    """The operator that made it, e.g. ``aten._log_softmax``."""
    shape: tuple[int, ...]
    dtype: str
    """Without ``torch.``: ``float32``."""
    nbytes: ByteSize
    """Bytes of the whole storage, which a small view keeps alive too. Each storage counts once."""
    device: str
    source: str | None = field(default=None, compare=False)
    """``file:line`` of the code that made it, where known."""


@dataclass(frozen=True, slots=True)
class SavedTensors(Sequence[SavedTensor]):
    """The tensors that autograd keeps for backward, in the order in which they were made."""

    rows: tuple[SavedTensor, ...] = ()
    modules: Sequence[str] | None = field(default=None, compare=False, repr=False, metadata=NOT_STORED)
    """The names that patterns can name, with the root's; the footprint tells them. None when they are not known."""

    @overload
    def __getitem__(self, index: int) -> SavedTensor: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SavedTensor, ...]: ...
    def __getitem__(self, index: int | slice) -> SavedTensor | tuple[SavedTensor, ...]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[SavedTensor]:
        return iter(self.rows)

    def of(self, pattern: str) -> SavedTensors:
        """Only what the modules under ``pattern`` keep, e.g. ``"layers.*.attn"``.

        Raises:
            ValueError: there is no such module; the message has names that are close.
        """
        if self.modules is not None:
            check_module(pattern, self.modules, "module")
        return SavedTensors(tuple(row for row in self.rows if matches(pattern, row.fqn)), self.modules)

    def bytes(self, pattern: str | None = None) -> ByteSize:
        """Bytes kept by all modules, or by those under ``pattern``.

        Raises:
            ValueError: there is no such module; the message has names that are close.
        """
        rows = self.rows if pattern is None else self.of(pattern).rows
        return ByteSize(sum(row.nbytes for row in rows))

    def dtypes(self) -> frozenset[str]:
        """The dtypes that are kept, e.g. ``{"float32", "bfloat16"}``."""
        return frozenset(row.dtype for row in self.rows)

    def devices(self) -> frozenset[str]:
        """The devices that hold what is kept."""
        return frozenset(row.device for row in self.rows)

    def fqns(self) -> frozenset[str]:
        """The modules that keep something."""
        return frozenset(row.fqn for row in self.rows)

    def assert_only(self, *tensors: str) -> None:
        """Just these are saved, no matter in which order; without any, nothing is.

        Take those of one module with `of`: ``footprint.saved.of("mlp").assert_only("2 x bfloat16[64, 512]")``.

        Args:
            tensors: as tables print them: ``"float32[8, 256]"``, ``"2 x float32[8, *]"``, ``"* x float32[...]"`` (one
                or more, of any shape), ``"float32[8, 256] from aten.gelu"``.

        Raises:
            AssertionError: something else is saved, or one of them is not; with modules, operators and lines.
            ValueError: one of them cannot be read.
        """
        __tracebackhide__ = True
        if text := contents_text(self.groups(), tensors):
            raise AssertionError(text)

    def assert_dtypes(self, *allowed: object, except_: str | Sequence[str] = ()) -> None:
        """Everything that is saved has one of these dtypes.

        Args:
            allowed: names such as ``"bfloat16"`` or ``"int*"``, or ``torch.bfloat16``.
            except_: patterns of modules that may save others: ``"layers.*.norm"``.

        Raises:
            AssertionError: something has another one; with modules, operators and lines.
            ValueError: no dtype is named, one that does not exist, or ``except_`` names no module.
        """
        __tracebackhide__ = True
        if text := dtypes_text(self.groups(), allowed, except_, "saved for backward", self.modules):
            raise AssertionError(text)

    def groups(self) -> tuple[LiveGroup, ...]:
        """The same as activations that look alike; first made first."""
        found: dict[tuple[str, str, tuple[int, ...], str, str], list[SavedTensor]] = {}
        for row in self.rows:
            found.setdefault((row.fqn, row.op, row.shape, row.dtype, row.device), []).append(row)
        return tuple(
            LiveGroup(
                RefType.ACTIVATION,
                *key,
                count=len(rows),
                nbytes=ByteSize(sum(row.nbytes for row in rows)),
                source=rows[0].source,
            )
            for key, rows in found.items()
        )

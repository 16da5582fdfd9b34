"""The shape of a model: what its state_dict holds and what is tied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.contents import dtypes_text
from pytest_footprint.model.fqn import matches
from pytest_footprint.model.known_names import check_module, some_names
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One entry of a ``state_dict``."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Structure:
    """``state_dict`` entries in order, and the names that share one storage."""

    tensors: tuple[TensorSpec, ...] = ()
    tied: tuple[tuple[str, ...], ...] = ()

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.tensors)

    def of(self, pattern: str) -> Structure:
        """Only the entries below ``pattern``, e.g. ``"layers.*.attn"``.

        Raises:
            ValueError: there is none; the message has names that are close.
        """
        check_module(pattern, self._names, "module or entry")
        kept = tuple(spec for spec in self.tensors if matches(pattern, spec.name))
        names = {spec.name for spec in kept}
        tied = (tuple(name for name in group if name in names) for group in self.tied)
        return Structure(kept, tuple(group for group in tied if len(group) > 1))

    def assert_dtypes(self, *allowed: object, except_: str | Sequence[str] = ()) -> None:
        """Every entry has one of these dtypes.

        Args:
            allowed: names such as ``"bfloat16"`` or ``"int*"``, or ``torch.bfloat16``.
            except_: patterns of modules or entries that may have others: ``"layers.*.norm"``.

        Raises:
            AssertionError: one has another dtype; it names them.
            ValueError: no dtype is named, one that does not exist, or ``except_`` names no entry.
        """
        __tracebackhide__ = True
        entries = [
            LiveGroup(RefType.PARAMETER, spec.name, "", spec.shape, spec.dtype, "", 1, ByteSize(0))
            for spec in self.tensors
        ]
        if text := dtypes_text(entries, allowed, except_, "in the state_dict", self._names):
            raise AssertionError(text)

    def assert_tied(self, first: str, second: str, *others: str) -> None:
        """These entries share one storage.

        Raises:
            AssertionError: they do not, or one is no entry; it says what each is and what is tied.
        """
        __tracebackhide__ = True
        found = {name: [spec for spec in self.tensors if spec.name == name] for name in (first, second, *others)}
        if missing := [name for name, specs in found.items() if not specs]:
            msg = f"{', '.join(missing)}: no such entry; there are {some_names(self._names)}"
            raise AssertionError(msg)
        if not any(set(found) <= set(group) for group in self.tied):
            told = ", ".join(f"{name} {spec.dtype}{list(spec.shape)}" for name, [spec] in found.items())
            tied = "; ".join(" = ".join(group) for group in self.tied) or "nothing"
            msg = f"{' and '.join(found)} are not tied: {told}; tied: {tied}"
            raise AssertionError(msg)

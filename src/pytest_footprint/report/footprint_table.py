"""A footprint as tables: by reference type, by module, and what was alive at the peak."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import fold_alike
from pytest_footprint.model.live_group import summed_up
from pytest_footprint.model.module_stats import ModuleStats
from pytest_footprint.model.usage import USAGE_FIELDS, Usage
from pytest_footprint.report.table import WIDTH, ending, table
from pytest_footprint.report.tensors import live_rows, tensor_table
from pytest_footprint.report.words import kind, measured, more

_GROUPS = 8
_MODULES = 24


def footprint_text(footprint: Footprint, *, depth: int | None = 2, verbose: bool = False) -> str:
    """All tables.

    Args:
        footprint: what to show.
        depth: how far below their roots modules are listed: 0 shows the roots alone, ``None`` all modules.
        verbose: show all that was alive at the peak, and nothing shortened.
    """
    parts = []
    for device in footprint.peak:
        usage = usage_table(footprint, device)
        own = footprint.measured.get(device)
        parts.append(f"{usage}\n{measured(device, own)}" if own else usage)
        if footprint.modules:
            parts.append(_modules(footprint.modules, device, depth, verbose=verbose))
        groups = [group for group in footprint.at_peak if group.device == device]
        if groups:
            title = f"alive at the {device} peak"
            parts.append(tensor_table(title, live_rows(summed_up(groups)), limit=None if verbose else _GROUPS))
    return "\n\n".join(parts) or "no memory was tracked"


def usage_table(footprint: Footprint, device: str) -> str:
    """Start, peak, end and growth of one device by reference type, the total last."""
    moments = (footprint.start, footprint.peak, footprint.end, footprint.growth)
    usages = [moment.get(device, Usage()) for moment in moments]
    names = [name for name in (*USAGE_FIELDS[1:], USAGE_FIELDS[0]) if any(usage[name] for usage in usages)]
    rows = [(kind(name), *(str(usage[name]) for usage in usages)) for name in names or ["total"]]
    return table((device, "start", "peak", "end", "growth"), rows, right="start peak end growth")


def _modules(modules: Mapping[str, ModuleStats], device: str, depth: int | None, *, verbose: bool) -> str:
    listed = (
        (
            fqn,
            (
                stats.parameters,
                stats.buffers,
                stats.outputs,
                stats.forward_peak.get(device, Usage()).total,
                stats.backward_peak.get(device, Usage()).total,
            ),
        )
        for fqn, stats in modules.items()
        if depth is None or fqn.count(".") <= depth
    )
    rows = [(fqn, *map(str, sizes)) for fqn, _, sizes in fold_alike(listed)]
    headers = ("module", "parameters", "buffers", "outputs", "forward_peak", "backward_peak")
    shown, width = (rows, None) if verbose else (rows[:_MODULES], WIDTH)
    text = table(headers, shown, right=" ".join(headers[1:]), elastic={"module": ending}, width=width)
    text = text.replace("forward_peak", "forward peak").replace("backward_peak", "backward peak")
    return text if len(shown) == len(rows) else f"{text}\n{more(len(rows) - len(shown))}"

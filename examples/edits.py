"""Three edits that a tired engineer could make to the GPT, and the cure of one of them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """Pieces of one file and what stands in their place afterwards."""

    file: str
    replacements: tuple[tuple[str, str], ...]

    def apply(self, folder: Path) -> str:
        """Change the file in ``folder``; the change as a diff.

        Raises:
            ValueError: a piece is not in the file exactly once.
        """
        path = folder / self.file
        before = after = path.read_text("utf-8")
        for old, new in self.replacements:
            if after.count(old) != 1:
                msg = f"{path} holds this {after.count(old)} times, not once, so the edit does not fit:\n{old}"
                raise ValueError(msg)
            after = after.replace(old, new)
        path.write_text(after, "utf-8")
        return _diff(self.file, before, after)


def _diff(file: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), file, file, lineterm="", n=1)
    return "\n".join(lines)


CHECKPOINT_LOST = Edit(
    "model.py",
    (
        ("for block in self.blocks:\n", "for block in self.blocks[:-1]:\n"),
        (
            "        return self.head(",
            "        x = self.blocks[-1](x)  # its backward comes first anyway\n        return self.head(",
        ),
    ),
)
LOGITS_KEPT = Edit(
    "train.py",
    (
        ("lr=1e-3)\n", "lr=1e-3)\n        self.logits: list[torch.Tensor] = []\n"),
        ("loss.backward()\n", "self.logits.append(logits)  # for the accuracy of the epoch\n        loss.backward()\n"),
    ),
)
GUESSES_KEPT = Edit(
    "train.py",
    (
        ("self.logits: list[torch.Tensor] = []\n", "self.right = 0\n"),
        ("self.logits.append(logits)", "self.right += int((logits.argmax(-1) == batch[:, 1:]).sum())"),
    ),
)
LARGER_BATCH = Edit("train.py", (("BATCH, TIME = 4, 128", "BATCH, TIME = 8, 128"),))

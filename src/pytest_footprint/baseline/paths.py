"""Where baselines lie: beside the test file, one file a check."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

FOLDER = "__footprints__"
"""Not syrupy's folder, in which it deletes files that it does not know."""

_KEPT = re.compile(r"[A-Za-z0-9_\-\[\]=,+ ]")
_LONGEST = {"test": 110, "name": 50, "device": 40}
"""Letters of each part of a file name; file systems take 255 bytes in all."""


def baseline_path(test_file: Path, test_id: str, name: str | None, device_key: str, *, index: int = 1) -> Path:
    """The file of one check: ``__footprints__/<test file stem>/<test id>[.<name>][.<index>].<device key>.toml``.

    Different checks have different files, also where file systems ignore case. What file names cannot hold is
    written as in URLs (``%2F``); ``::`` becomes ``..``; long ids are cut and end in a hash.

    Args:
        test_file: the file that holds the test.
        test_id: the test's node id without the file, ``TestGPT::test_step[fp32]``.
        name: tells several checks of one test apart.
        device_key: ``cpu``, ``cuda-NVIDIA-H200``.
        index: counts the checks of a test that have the same name, from 1 on.
    """
    parts = ["..".join(_quoted(part) for part in test_id.split("::"))]
    parts[0] = _marked(parts[0], test_id, "test")
    if name is not None:
        parts.append(_marked(_named(name), name, "name"))
    if index > 1:
        parts.append(str(index))
    parts.append(_marked(_quoted(device_key), device_key, "device"))
    return test_file.parent / FOLDER / test_file.stem / f"{'.'.join(parts)}.toml"


def _quoted(text: str) -> str:
    return "".join(
        letter
        if _KEPT.fullmatch(letter)
        else "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
        for letter in text
    )


def _named(name: str) -> str:
    """A name that is a number must not look like an index."""
    return f"%{ord(name[0]):02X}{name[1:]}" if name.isascii() and name.isdecimal() else _quoted(name)


def _marked(quoted: str, text: str, part: str) -> str:
    """Add a hash where the text is cut, or may differ from another one in case only.

    Names of classes and functions are told apart by more than case; parameters such as ``[fp16]`` and ``[FP16]``
    and names are free text.
    """
    longest = _LONGEST[part]
    free = text.partition("[")[2] if part == "test" else text
    if len(quoted) <= longest and free == free.lower():
        return quoted
    return f"{quoted[:longest]}~{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"

"""Where baselines lie: beside the test file, one file a check."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

FOLDER = "__footprints__"
"""Not syrupy's folder, in which it deletes files that it does not know."""

ANY_DEVICE = "any"
"""Key of baselines that are the same on every device: orders and structures."""

_KEPT = re.compile(r"[A-Za-z0-9_\-\[\]=,+ ]")
_LONGEST = {"test": 110, "name": 50, "device": 40}
"""Letters of each part of a file name; file systems take 255 bytes in all."""
_FILE = re.compile(r"(?P<check>(?P<test>(?:[^.]|\.\.)+?)(?:\.[^.]+)?(?:\.[0-9]+)?)\.(?P<device>[^.]+)\.toml")


@dataclass(frozen=True, slots=True)
class FileName:
    """What the name of a baseline file says, as it is written there: see `test_part`."""

    test: str
    check: str
    """The test, and the name and number of its check: the same on every device."""
    device: str

    @classmethod
    def of(cls, path: Path) -> FileName | None:
        """Read it; ``None`` when it is not the name of a baseline."""
        found = _FILE.fullmatch(path.name)
        return cls(found["test"], found["check"], found["device"]) if found else None


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
    parts = [test_part(test_id)]
    if name is not None:
        parts.append(_marked(_named(name), name, "name"))
    if index > 1:
        parts.append(str(index))
    parts.append(_marked(quoted(device_key), device_key, "device"))
    return folder_of(test_file) / f"{'.'.join(parts)}.toml"


def folder_of(test_file: Path) -> Path:
    """Where the baselines of its tests lie."""
    return test_file.parent / FOLDER / test_file.stem


def test_part(test_id: str) -> str:
    """How file names write a test id."""
    return _marked("..".join(map(quoted, test_id.split("::"))), test_id, "test")


def other_devices(path: Path) -> tuple[str, ...]:
    """Devices for which there is a baseline of the same check, in alphabetical order.

    None for what is the same on all devices, nor is that one for another device: it holds something else.
    """
    names = filter(None, map(FileName.of, path.parent.glob("*.toml")))
    wanted = FileName.of(path)
    others = {name.device for name in names if wanted and name.check == wanted.check and name.device != wanted.device}
    if wanted is None or wanted.device == ANY_DEVICE:
        return ()
    return tuple(sorted(device.partition("~")[0] for device in others - {ANY_DEVICE}))


def quoted(text: str) -> str:
    """``text`` with what file names cannot hold, and dots, written as in URLs: ``%2F``."""
    return "".join(
        letter
        if _KEPT.fullmatch(letter)
        else "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
        for letter in text
    )


def _named(name: str) -> str:
    """A name that is a number must not look like an index."""
    return f"%{ord(name[0]):02X}{name[1:]}" if name.isascii() and name.isdecimal() else quoted(name)


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

"""The emulated processors, and how a program of 64-bit Arm is run on one."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pocketmatte.native.building import COUNTER, read_runner
from pocketmatte.native.tools import unemulatable
from tiers.errors import RuntimeUnavailableError, UsageError


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Cpu:
    """A processor of QEMU's user mode.

    Attributes:
        name: Here.
        qemu: As QEMU takes it.
        has: What it adds to plain NEON.
    """

    name: str
    qemu: str
    has: str


CPUS: Mapping[str, Cpu] = MappingProxyType(
    {
        "cortex-a72": Cpu(name="cortex-a72", qemu="cortex-a72", has="plain NEON"),
        "cortex-a76": Cpu(name="cortex-a76", qemu="cortex-a76", has="dot products, fp16"),
        # `max` as it is computes int8 wrongly in QEMU 7.2, whose SME is at fault.
        "i8mm": Cpu(name="i8mm", qemu="max,sve=off", has="int8 matrix products, bf16"),
    }
)
DEFAULT_CPU = "cortex-a76"  # what a phone of the middle has


def cpu(name: str) -> Cpu:
    """Return one processor.

    Raises:
        UsageError: If there is none of that name.
    """
    try:
        return CPUS[name]
    except KeyError:
        msg = f"no processor {name!r}; there are {', '.join(CPUS)}"
        raise UsageError(msg) from None


def emulated(folder: Path, model: Cpu, counts: Path | None = None) -> list[str]:
    """Return the start of a command line that runs a built runner on a processor.

    It is run from within the folder. The folder's own C library is taken: which one it is moves
    instruction counts by some tenths of a percent.

    Args:
        folder: Of ``building.build_runner``.
        model: The processor.
        counts: File for the instructions of each inference, if they are to be counted.

    Raises:
        RuntimeUnavailableError: If there is no runner, no emulator or no counter.
    """
    if reason := unemulatable():
        raise RuntimeUnavailableError(reason)
    described = read_runner(folder)
    words = ["qemu-aarch64", "-cpu", model.qemu]
    if counts is not None:
        if not (folder / COUNTER).is_file():
            msg = f"{folder} holds no {COUNTER}; install gcc and build the runner again"
            raise RuntimeUnavailableError(msg)
        words += plugin(Path(COUNTER), counts)
    return [*words, *described.command]


def plugin(counter: Path, counts: Path) -> list[str]:
    """Return the words by which QEMU loads the counter, whose lines go to ``counts``."""
    named = counter if counter.is_absolute() else f"./{counter}"
    # a plugin's arguments are parted by commas; two stand for one
    return ["-plugin", f"{named},out={str(counts).replace(',', ',,')}"]


def read_counts(path: Path) -> list[int]:
    """Return the instructions of each inference, in order.

    Raises:
        RuntimeUnavailableError: If none were counted: this emulator takes no plugins.
    """
    lines = path.read_text(encoding="utf-8").split() if path.is_file() else []
    if not lines:
        msg = "no instructions were counted; take a qemu-aarch64 with plugins (Debian: qemu-user)"
        raise RuntimeUnavailableError(msg)
    return [int(line) for line in lines]

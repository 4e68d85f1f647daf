"""What the device table holds: sources, cores, processors, devices."""

import dataclasses
from collections.abc import Mapping
from typing import Literal, TypeAlias

Platform: TypeAlias = Literal["android", "ios", "ipados"]
Instructions: TypeAlias = Literal["armv8.0", "fp16", "i8mm"]

PLATFORMS: tuple[Platform, ...] = ("android", "ios", "ipados")

# From least to most: fp16 is arithmetic in half precision (Armv8.2), i8mm the product of small
# matrices of 8-bit integers (Armv8.6, every Armv9 phone). Who has a later one has those before it.
INSTRUCTIONS: tuple[Instructions, ...] = ("armv8.0", "fp16", "i8mm")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where facts are public.

    Attributes:
        key: What rows call it.
        title, url: The page, list or project.
        read: Whether it was read when the rows that name it were written; otherwise the facts are
            general knowledge, and this is where to check them.
        used_for: Which facts.
    """

    key: str
    title: str
    url: str
    read: bool
    used_for: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Core:
    """A processor core.

    Attributes:
        name: What clusters call it.
        fp32_per_cycle: Single-precision operations of its vector units in a cycle, a fused
            multiply-add being two; ``None`` where nobody says.
        instructions: The most it has.
        sources: Keys of sources.
    """

    name: str
    fp32_per_cycle: int | None
    instructions: Instructions
    sources: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """Cores of one kind and clock.

    Attributes:
        count: Of cores.
        core: Their kind.
        max_mhz: Highest clock; ``None`` where it is not known.
    """

    count: int
    core: Core
    max_mhz: int | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Soc:
    """A processor, or those that differ in nothing that is looked at here.

    Attributes:
        key: What devices call it.
        name, vendor, year: Of marketing.
        reported: What ``Build.SOC_MODEL`` or the board's platform may say; several processors may
            say the same. Empty for Apple, whose systems do not say.
        cores: All of them.
        clusters: From fast to slow.
        gpu: Its name.
        npu: Its name, or ``none``.
        sources: Keys of sources.
    """

    key: str
    name: str
    vendor: str
    year: int
    reported: tuple[str, ...]
    cores: int
    clusters: tuple[Cluster, ...]
    gpu: str
    npu: str
    sources: tuple[str, ...]

    @property
    def instructions(self) -> Instructions:
        """The most that all cores have: a thread may move to any of them."""
        return min((each.core.instructions for each in self.clusters), key=INSTRUCTIONS.index)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A phone or tablet, with one processor.

    Attributes:
        name, vendor: Of marketing; where one name is sold with two processors, the name says which.
        platform: ``android``, ``ios`` or ``ipados``.
        manufacturer: ``Build.MANUFACTURER``; ``Apple``.
        models: ``Build.MODEL``; ``hw.machine`` of Apple's.
        devices: ``Build.DEVICE`` where it is known and no other row has it.
        year: It was first sold.
        soc: Its processor.
        ram_mib: Sizes that it is sold with, in MiB, rising.
        os_launch, os_last: System it came with, and the last one it got, as it writes them;
            ``os_last`` is ``None`` where support goes on or its end is not known.
        media_performance_class: Android's; ``None`` where it is not known.
        sources: Keys of sources.
    """

    name: str
    vendor: str
    platform: Platform
    manufacturer: str
    models: tuple[str, ...]
    devices: tuple[str, ...]
    year: int
    soc: Soc
    ram_mib: tuple[int, ...]
    os_launch: str
    os_last: str | None
    media_performance_class: int | None
    sources: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceTable:
    """All of it.

    Attributes:
        sources, cores, socs: By key or name.
        devices: In the order of the file.
    """

    sources: Mapping[str, Source]
    cores: Mapping[str, Core]
    socs: Mapping[str, Soc]
    devices: tuple[Device, ...]

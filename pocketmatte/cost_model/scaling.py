"""From the machine that was timed to a device that nobody timed: a roofline, in a bare Python.

    ms = arithmetic * g_host / (PARALLEL * g)
       + memory * b_host / (SUSTAINED * b)
       + overhead * SLOWER

``g`` is what the four fastest cores of the device could do at best, ``b`` what its memory could:
docs/cost-model.md says where the numbers come from, and what of them was seen on phones.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pocketmatte.cost_model.rates import HostRates, Split
from pocketmatte.selection.classes import DeviceClass, estimated_gflops
from pocketmatte.selection.rows import Device, Instructions

# Of the peak of four cores, against what one thread of the host reaches of its own.
PARALLEL = 0.7
# Of the peak of a memory, what copying reaches.
SUSTAINED = 0.6
# A node costs a phone's core so many times what it costs the host's.
SLOWER = 2.0

# Peak of the memory that phones of a class are sold with, in GB/s: transfers a second times the
# width of the bus. LPDDR3 and LPDDR4X of 32 bits below, of 64 bits from t07, LPDDR5 and 5X above.
MEMORY: Mapping[str, float] = MappingProxyType(
    {
        "t01": 7.5, "t02": 12.8, "t03": 13.9, "t04": 14.9, "t05": 17.1, "t06": 17.1, "t07": 29.9,
        "t08": 34.1, "t09": 44.0, "t10": 51.2, "t11": 68.3, "t12": 76.8,
    }
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """What a device could do at best.

    Attributes:
        gflops: Of its four fastest cores, 1e9 single-precision operations a second.
        gigabytes_per_second: Of its memory.
        instructions: That all its cores have.
    """

    gflops: float
    gigabytes_per_second: float
    instructions: Instructions


def speed_of(device_class: DeviceClass, devices: Sequence[Device]) -> Speed | None:
    """Return what the slowest of some devices of a class could do, or ``None`` if nobody knows.

    Devices whose cores nobody describes count as what the class asks for at least.
    """
    known = [gflops for each in devices if (gflops := estimated_gflops(each.soc)) is not None]
    least = min(known, default=device_class.gflops)
    if len(known) < len(devices) and device_class.gflops:
        least = min(least, device_class.gflops)
    if not least:
        return None
    order = ("armv8.0", "fp16", "i8mm")
    has = [each.soc.instructions for each in devices] or [device_class.instructions]
    return Speed(
        gflops=least,
        gigabytes_per_second=MEMORY[device_class.tier],
        instructions=min(has, key=order.index),
    )


def on_device_ms(split: Split, host: HostRates, speed: Speed) -> float:
    """Return how long what took the host a while takes on a device."""
    arithmetic = host.gflops / (PARALLEL * speed.gflops)
    memory = host.gigabytes_per_second / (SUSTAINED * speed.gigabytes_per_second)
    return split.arithmetic * arithmetic + split.memory * memory + split.overhead * SLOWER

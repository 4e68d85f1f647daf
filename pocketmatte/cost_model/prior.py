"""The cost model as a prior of latencies for ``select``: it rules out, and never calls itself more.

Bare Python. What it says is docs/cost-model.md; how a choice uses it, rule 3 of docs/selection.md.
"""

import functools
import hashlib
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pocketmatte.cost_model.rates import Fit, HostRates, Split, host_rates, rates_bytes
from pocketmatte.cost_model.scaling import Speed, on_device_ms, speed_of
from pocketmatte.cost_model.work import Works
from pocketmatte.cost_model.work_table import name_of, table_bytes, work_table
from pocketmatte.selection.latency_prior import DeviceGroup, Estimate
from pocketmatte.selection.networks import PROGRAMS
from pocketmatte.selection.runs import Run

NAME, VERSION = "roofline", 1

# What a phone that nobody timed may be slower or faster than the roofline says, beside what is
# wrong with the fit: the 18 published times that benchmarks.cost_model_published holds it to are
# 0.87 to 1.56 times the estimate.
SPREAD = 2.0
# A frame's 95th percentile over its fastest, on a phone that does other things too. A choice.
TAIL = 1.2
# Fewer results than this of a class and format tell little of the others: both ends lie further.
ENOUGH, FEW = 3, 1.5
# A nanosecond and an hour: what took less was not timed, and what took more was no frame.
_LEAST_MS, _MOST_MS = 1e-6, 3.6e6
# What an accelerator may be faster than the processor, of the lower end of Core ML: a choice.
ACCELERATED = 20.0
# What half precision may gain at best, and is taken to gain, where a processor has it.
HALF, USUAL_HALF = 0.5, 0.7

_RUNTIME = MappingProxyType(
    {
        "onnx": "onnx", "executorch": "executorch", "coreml": "executorch",
        "coreml-stateful": "executorch", "coreml-image": "executorch",
    }
)  # fmt: skip


class RooflinePrior:
    """See ``selection.latency_prior.LatencyPrior``.

    Args:
        runs: Of devices, each class's of one process, see ``selection.standing.telling``; valid
            ones of a class and format replace what the roofline guesses of it.
        host: Rates of the machine that was timed.
        works: The work of every program.
    """

    def __init__(
        self,
        runs: Sequence[Run] = (),
        host: HostRates | None = None,
        works: Mapping[str, Works] | None = None,
    ) -> None:
        self._host = host or host_rates()
        self._works = work_table() if works is None else works
        self._found: dict[tuple[str, str, str, str], tuple[Split, Fit] | None] = {}
        self._speeds: dict[int, tuple[DeviceGroup, Speed | None]] = {}
        self._runs: dict[tuple[str, str, str], list[Run]] = {}
        for run in runs:
            if run.device_class is not None and _counts(run):
                key = str(run.platform), run.device_class.tier, run.measured.format
                self._runs.setdefault(key, []).append(run)

    @property
    def name(self) -> str:
        """What a lock calls it; other rates or another table of work have another name."""
        digest = hashlib.sha256(rates_bytes() + table_bytes()).hexdigest()
        return f"{NAME} {VERSION} {digest[:12]}"

    def estimate(
        self,
        network: str,
        tier: str,
        format: str,  # noqa: A002 - as everywhere else
        recipe: str,
        device: DeviceGroup,
        /,
    ) -> Estimate | None:
        """Estimate a frame; see ``LatencyPrior``."""
        speed = self._speed(device)
        found = self._guessed(network, tier, format, recipe, speed)
        if found is None:
            return None
        runs = self._runs.get((device.platform, device.device_class.tier, format), [])
        ratios = self._ratios(runs, speed)
        if not ratios:
            return found[0]
        (middle, _, _), fit = found
        scale = max(_mean(each) for each in ratios.values())
        seen = [ratio for each in ratios.values() for ratio in each]
        further = FEW if len(seen) < ENOUGH else 1.0
        low = middle * min(seen) * fit.low / further
        high = middle * max(seen) * fit.high * further
        return middle * scale, min(low, middle * scale), max(high, middle * scale)

    def on_host(self, network: str, tier: str, format: str, recipe: str) -> Estimate | None:  # noqa: A002
        """Estimate the fastest frame of one thread on the machine that was timed."""
        if format not in ("onnx", "executorch"):
            return None
        found = self._on_host(network, tier, format, recipe)
        if found is None or found[1].recipe != recipe:
            return None
        split, fit = found
        return split.total, split.total * fit.low, split.total * fit.high

    def measured_on(self, device: DeviceGroup, form: str) -> int:
        """Return how many results of a class and format take the roofline's place."""
        return len(self._runs.get((device.platform, device.device_class.tier, form), []))

    def _speed(self, device: DeviceGroup) -> Speed | None:
        known = self._speeds.get(id(device))
        if known is None:  # the group is kept, so that no other gets its id
            known = self._speeds[id(device)] = device, speed_of(device.device_class, device.devices)
        return known[1]

    def _guessed(
        self, network: str, tier: str, form: str, recipe: str, speed: Speed | None
    ) -> tuple[Estimate, Fit] | None:
        found, plain = (self._on_host(network, tier, form, each) for each in (recipe, "fp32"))
        if found is None or plain is None or speed is None:
            return None
        split, fit = found
        low = middle = high = on_device_ms(split, self._host, speed)
        single = on_device_ms(plain[0], self._host, speed)
        if recipe == "fp16" and speed.instructions == "armv8.0":
            low, middle, high = single, single, max(single, high)
        elif recipe == "fp16":
            low, middle, high, fit = HALF * single, USUAL_HALF * single, single, plain[1]
        elif recipe == "w8a8" and speed.instructions != "i8mm":
            high = max(high, single)
        low *= together(fit.low, 1 / SPREAD)
        if form.startswith("coreml"):
            low /= ACCELERATED
        middle, high = middle * TAIL, high * together(fit.high, SPREAD) * TAIL
        return (middle, min(low, middle), max(middle, high)), fit

    def _ratios(self, runs: Sequence[Run], speed: Speed | None) -> dict[str, list[float]]:
        """Return what runs took over what the roofline guesses, by device."""
        found: dict[str, list[float]] = {}
        for run in runs:
            guessed = self._guessed(run.network, *run.key, speed)
            if guessed is not None and run.measured.p95_ms:
                found.setdefault(run.device, []).append(run.measured.p95_ms / guessed[0][0])
        return found

    def _on_host(self, network: str, tier: str, form: str, recipe: str) -> tuple[Split, Fit] | None:
        key = network, tier, form, recipe
        if key not in self._found:
            self._found[key] = self._timed(network, tier, form, recipe)
        return self._found[key]

    def _timed(self, network: str, tier: str, form: str, recipe: str) -> tuple[Split, Fit] | None:
        runtime = _RUNTIME.get(form, "")
        fit = self._host.fit(runtime, recipe)
        if fit is None and form.startswith(
            "coreml"
        ):  # it computes weights of 8 bits in half precision
            fit = self._host.fit(runtime, "fp32")
        names = [name_of(network, tier, program) for program in PROGRAMS.get(network, ())]
        if fit is None or not names or any(name not in self._works for name in names):
            return None
        return self._split(network, tier, fit), fit

    def _split(self, network: str, tier: str, fit: Fit) -> Split:
        """Return a frame in which every program runs once."""
        parts = [
            fit.split(self._works[name_of(network, tier, program)]) for program in PROGRAMS[network]
        ]
        return Split(
            arithmetic=sum(each.arithmetic for each in parts),
            memory=sum(each.memory for each in parts),
            overhead=sum(each.overhead for each in parts),
        )


def _counts(run: Run) -> bool:
    measured = run.measured
    return bool(
        measured.physical_device
        and measured.latency_valid
        and measured.status in ("ok", "fallback")
        and measured.p95_ms
        and _LEAST_MS <= measured.p95_ms <= _MOST_MS
    )


@functools.cache
def together(one: float, other: float) -> float:
    """Return the factor of two errors on one side that know nothing of each other.

    Their logarithms add up by their squares.
    """
    size = math.hypot(math.log(one), math.log(other))
    return math.exp(math.copysign(size, math.log(other)))


def _mean(ratios: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))

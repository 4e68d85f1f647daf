"""What the cost model says of phones that others timed, beside what they published.

    python -m benchmarks.cost_model_published

XNNPACK's README has times of MobileNets on three Pixel phones, with one thread and with as many as
there are large cores (27 March 2020, https://github.com/google/XNNPACK); ExecuTorch runs on it. The
networks are built on the meta device from the tables of their papers (arXiv 1704.04861, 1801.04381,
1905.02244) and their work is counted as ours is. Nothing is timed and nothing fitted: this is all
the evidence of phones that there is here.
"""

import sys
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from pocketmatte.console import stdout, table
from pocketmatte.cost_model.counting import works_of_module
from pocketmatte.cost_model.prior import SPREAD, together
from pocketmatte.cost_model.rates import host_rates
from pocketmatte.cost_model.scaling import PARALLEL, Speed, on_device_ms

# Large cores, their clock in GHz, and the memory's peak in GB/s. All count 8 operations a cycle.
PHONES: Mapping[str, tuple[int, float, float]] = MappingProxyType(
    {"Pixel": (2, 2.15, 29.9), "Pixel 2": (4, 2.35, 29.9), "Pixel 3a": (2, 2.0, 14.9)}
)
# Of each phone the times with one thread and with all large cores, in ms.
PUBLISHED: Mapping[str, Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "v1": {"Pixel": (82, 43), "Pixel 2": (86, 27), "Pixel 3a": (88, 46)},
        "v2": {"Pixel": (49, 26), "Pixel 2": (53, 18), "Pixel 3a": (55, 28)},
        "v3 large": {"Pixel": (39, 22), "Pixel 2": (42, 16), "Pixel 3a": (44, 24)},
    }
)


def main() -> int:
    """Print the table; exit with 1 where a published time lies outside the interval."""
    fit = host_rates().fit("executorch", "fp32")
    if fit is None:
        sys.stderr.write("no rates of executorch fp32; fit them first\n")
        return 1
    cells, outside = [], 0
    for name, network in NETWORKS.items():
        with torch.device("meta"):
            works = works_of_module(network().eval(), [(1, 3, 224, 224)])
        split = fit.split(works)
        gmacs = sum(work.macs for work in works.values()) / 1e9
        for phone, (cores, gigahertz, memory) in PHONES.items():
            for place, threads in enumerate((1, cores)):
                speed = Speed(
                    gflops=threads * gigahertz * 8, gigabytes_per_second=memory,
                    instructions="armv8.0",
                )  # fmt: skip
                ms, true = on_device_ms(split, host_rates(), speed), PUBLISHED[name][phone][place]
                low, high = ms * together(fit.low, 1 / SPREAD), ms * together(fit.high, SPREAD)
                outside += not low <= true <= high
                cells.append(
                    (f"MobileNet {name}", f"{gmacs:.3f}", phone, threads, true, f"{ms:.1f}",
                     f"{low:.1f} to {high:.1f}", f"{true / ms:.2f}")
                )  # fmt: skip
    columns = ("network", "GMACs", "phone", "threads", "published ms", "ms", "interval", "ratio")
    stdout.print(table("", columns, cells))
    return 1 if outside else 0


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Module:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)


def _v1() -> nn.Module:
    layers: list[nn.Module] = [_convolution(3, 32, 3, 2), nn.ReLU()]
    width = 32
    for outputs, stride in (
        (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2),
        (1024, 1),
    ):  # fmt: skip
        layers += [_convolution(width, width, 3, stride, width), nn.ReLU()]
        layers += [_convolution(width, outputs, 1, 1), nn.ReLU()]
        width = outputs
    return nn.Sequential(*layers, _Mean(), _convolution(width, 1000, 1, 1))


class _Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)


class _Gate(nn.Module):
    """A squeeze and an excitation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        small = max(8, round(width / 4 / 8) * 8)
        self.gate = nn.Sequential(
            _Mean(), _convolution(width, small, 1, 1), nn.ReLU(),
            _convolution(small, width, 1, 1), nn.Hardsigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class _Block(nn.Module):
    """An inverted residual."""

    def __init__(
        self, inputs: int, wide: int, outputs: int, *, kernel: int = 3, stride: int = 1,
        gate: bool = False, activation: type[nn.Module] = nn.ReLU6,
    ) -> None:  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = []
        if wide != inputs:
            layers += [_convolution(inputs, wide, 1, 1), activation()]
        layers += [_convolution(wide, wide, kernel, stride, wide), activation()]
        layers += [_Gate(wide)] if gate else []
        self.layers = nn.Sequential(*layers, _convolution(wide, outputs, 1, 1))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.layers(x)
        return x + made if self.adds else made


def _v2() -> nn.Module:
    layers: list[nn.Module] = [_convolution(3, 32, 3, 2), nn.ReLU6()]
    width = 32
    for times, outputs, count, stride in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):  # fmt: skip
        for place in range(count):
            step = stride if place == 0 else 1
            layers.append(_Block(width, times * width, outputs, stride=step))
            width = outputs
    layers += [_convolution(width, 1280, 1, 1), nn.ReLU6(), _Mean(), _convolution(1280, 1000, 1, 1)]
    return nn.Sequential(*layers)


def _v3_large() -> nn.Module:
    layers: list[nn.Module] = [_convolution(3, 16, 3, 2), nn.Hardswish()]
    width = 16
    for kernel, wide, outputs, gate, hard, stride in (
        (3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 1, 0, 2),
        (5, 120, 40, 1, 0, 1), (5, 120, 40, 1, 0, 1), (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1),
        (3, 184, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1), (3, 480, 112, 1, 1, 1),
        (3, 672, 112, 1, 1, 1), (5, 672, 160, 1, 1, 2), (5, 960, 160, 1, 1, 1),
        (5, 960, 160, 1, 1, 1),
    ):  # fmt: skip
        activation = nn.Hardswish if hard else nn.ReLU
        layers.append(
            _Block(width, wide, outputs, kernel=kernel, stride=stride, gate=bool(gate),
                   activation=activation)
        )  # fmt: skip
        width = outputs
    layers += [_convolution(width, 960, 1, 1), nn.Hardswish(), _Mean()]
    layers += [_convolution(960, 1280, 1, 1), nn.Hardswish(), _convolution(1280, 1000, 1, 1)]
    return nn.Sequential(*layers)


NETWORKS = MappingProxyType({"v1": _v1, "v2": _v2, "v3 large": _v3_large})

if __name__ == "__main__":
    sys.stderr.write(f"of the peak of several cores {PARALLEL:.0%} are counted on\n")
    sys.exit(main())

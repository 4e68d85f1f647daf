"""What the guided filter costs as its output grows, in ONNX Runtime and ExecuTorch.

    python -m benchmarks.guided_filter_growth
    python -m benchmarks.guided_filter_growth --working 480x272 --scales 1,1.5,2,3,4

The filter of ``rvm`` alone, from one working size to larger and larger outputs of the same frame,
beside the pixels that it puts out. All sizes take turns on one thread; times are processor time of
it, the median. ``ns/pixel`` is what the last pixels cost: from one size to the next.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.artifact_speed import plain_executorch
from benchmarks.beside_published import RUNTIMES, timed
from export.converting import converting
from export.program import Captured, fold_batch_norm
from export.recipe import recipe
from export.to_onnx import to_onnx
from pocketmatte.console import stdout, table
from pocketmatte.runtimes.table import runtime
from tiers.blocks.guided_filter import DeepGuidedFilter
from tiers.contract import ProgramContract, TensorSpec
from tiers.errors import PocketMatteError, UsageError
from tiers.example_inputs import example_inputs
from tiers.ladder import tier
from tiers.rows.rvm import RvmShape

TIER = "t08"


class _Filter(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.own = DeepGuidedFilter(hidden)

    def forward(
        self,
        fine: torch.Tensor,
        coarse: torch.Tensor,
        residual: torch.Tensor,
        alpha: torch.Tensor,
        hidden: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return self.own.matted(fine, coarse, residual, alpha, hidden)


def contract_of(working: tuple[int, int], scale: float, hidden: int) -> ProgramContract:
    """Return what the filter takes and gives.

    Raises:
        UsageError: If the output would have half a pixel.
    """
    output = tuple(scale * side for side in working)
    if any(side != int(side) for side in output):
        msg = f"scale {scale} of {working[1]}x{working[0]} gives parts of pixels; take another"
        raise UsageError(msg)
    height, width = map(int, output)

    def tensor(name: str, channels: int, size: tuple[int, int]) -> TensorSpec:
        shape = (1, channels, *size)
        return TensorSpec(name=name, shape=shape, low=0.0, high=1.0, meaning="of a benchmark")

    large = (height, width)
    return ProgramContract(
        name="filter",
        inputs=(
            tensor("fine", 3, large), tensor("coarse", 3, working), tensor("residual", 3, working),
            tensor("low_alpha", 1, working), tensor("hidden", hidden, working),
        ),
        outputs=(tensor("foreground", 3, large), tensor("alpha", 1, large)),
        states=(),
        judged="alpha",
    )  # fmt: skip


def measured(
    working: tuple[int, int], scales: Sequence[float], turns: int, root: Path
) -> dict[tuple[str, float], float]:
    """Return the median milliseconds by format and scale."""
    hidden = tier("rvm", TIER).shaped(RvmShape).decoder[3]
    torch.manual_seed(0)
    network = fold_batch_norm(_Filter(hidden).eval().requires_grad_(requires_grad=False))
    runs: dict[str, Callable[[], object]] = {}
    for scale in scales:
        contract = contract_of(working, scale, hidden)
        inputs = example_inputs(contract)
        with converting():
            exported = torch.export.export(network, inputs)
        captured = Captured(
            exported=exported, contract=contract, spec=tier("rvm", TIER), recipe=recipe("fp32")
        )
        paths = {"onnx": root / f"{scale}.onnx", "executorch": root / f"{scale}.pte"}
        to_onnx(captured, paths["onnx"], {})
        plain_executorch(network, contract, paths["executorch"])
        named = {t.name: value.numpy() for t, value in zip(contract.inputs, inputs, strict=True)}
        for form, path in paths.items():
            session = runtime(RUNTIMES[form]).load(path, contract, threads=1)
            runs[f"{form} {scale}"] = lambda session=session, named=named: session.run(named)
    times = timed(runs, turns)
    return {
        (form, float(scale)): float(np.median(times[f"{form} {scale}"]))
        for form in RUNTIMES
        for scale in scales
    }


def main(arguments: list[str]) -> int:
    """Write, time and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--working", default="512x288", help="WIDTHxHEIGHT of the coarse matte")
    parser.add_argument("--scales", default="1,1.5,2,2.5,3,3.75", help="output over working size")
    parser.add_argument("--turns", type=int, default=20)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        width, height = map(int, given.working.split("x"))
        scales = [float(word) for word in given.scales.split(",")]
        with tempfile.TemporaryDirectory() as folder:
            found = measured((height, width), scales, given.turns, Path(folder))
    except (PocketMatteError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    lines: list[tuple[object, ...]] = []
    for form in RUNTIMES:
        before: tuple[float, float] | None = None
        for scale in scales:
            pixels, milliseconds = scale * scale * width * height, found[form, scale]
            more = None
            if before is not None:
                more = f"{(milliseconds - before[1]) / (pixels - before[0]) * 1e6:.1f}"
            lines.append(
                (form, f"{int(width * scale)}x{int(height * scale)}", f"{milliseconds:.2f}", more)
            )
            before = pixels, milliseconds
    title = f"guided filter of rvm {TIER} from {given.working}, one thread"
    stdout.print(table(title, ("", "output", "ms", "ns/pixel"), lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

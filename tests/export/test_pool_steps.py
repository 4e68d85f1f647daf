import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from export.pool_steps import in_pool_steps, pool_steps


class Pools(nn.Module):
    def __init__(self, kernel: tuple[int, int], padding: int = 0) -> None:
        super().__init__()
        self.kernel = kernel
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, self.kernel, self.kernel, self.padding) * 2


def exported(module: nn.Module, given: Tensor) -> torch.export.ExportedProgram:
    captured = torch.export.export(module, (given,))
    plain: torch.export.ExportedProgram = captured.run_decompositions({})
    return plain


def kernels(program: torch.export.ExportedProgram) -> list[tuple[int, ...]]:
    pool = torch.ops.aten.avg_pool2d.default
    return [tuple(node.args[1]) for node in program.graph.nodes if node.target is pool]


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        ((16, 16), [(4, 4), (4, 4)]),
        ((8, 8), [(4, 4), (2, 2)]),
        ((1, 16), [(1, 4), (1, 4)]),
        ((16, 1), [(4, 1), (4, 1)]),
        ((8, 32), [(4, 4), (2, 4), (1, 2)]),
        ((4, 2), [(4, 2)]),
        ((3, 16), [(3, 16)]),
        ((6, 6), [(6, 6)]),
    ],
)
def test_a_mean_over_a_tile_is_taken_in_steps_that_give_the_same(
    kernel: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    assert pool_steps(*kernel) == expected
    assert math.prod(each[0] for each in expected) == kernel[0]
    module = Pools(kernel)
    given = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    program = in_pool_steps(exported(module, given))
    assert kernels(program) == expected
    torch.testing.assert_close(program.module()(given), module(given), rtol=0, atol=1e-6)


def test_a_pool_with_a_border_stays_as_it_is() -> None:
    given = torch.rand(1, 1, 48, 48)
    program = in_pool_steps(exported(Pools((16, 16), padding=8), given))
    assert kernels(program) == [(16, 16)]


def test_pools_that_overlap_stay_as_they_are() -> None:
    class Overlapping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.avg_pool2d(x, 16, 8)

    program = in_pool_steps(exported(Overlapping(), torch.rand(1, 1, 48, 48)))
    assert kernels(program) == [(16, 16)]

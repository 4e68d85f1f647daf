import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from tiers.blocks.deform_conv import DeformableConv2d
from tiers.blocks.elastic import slice_plan, take

Array = NDArray[np.float64]
Given = tuple[Tensor, Tensor, Tensor, Tensor]  # x, rows, columns, modulation

OUT = 5


def block(channels: int, *, group: int, kernel: int = 3) -> DeformableConv2d:
    torch.manual_seed(1)
    return DeformableConv2d(channels, OUT, group=group, kernel=kernel).requires_grad_(
        requires_grad=False
    )


def drawn(
    channels: int, hw: tuple[int, int], *, group: int, kernel: int = 3, reach: float = 3.0
) -> Given:
    """Return a map of two pictures, offsets of standard deviation ``reach``, and modulation."""
    generator = torch.Generator().manual_seed(7)
    taps = (2, channels // group * kernel * kernel, *hw)
    x = torch.randn(2, channels, *hw, generator=generator)
    rows, columns = (reach * torch.randn(taps, generator=generator) for _ in range(2))
    return x, rows, columns, torch.rand(taps, generator=generator)


def defined(made: DeformableConv2d, given: Given) -> Array:
    """Compute the definition tap by tap and pixel by pixel, in double precision."""
    x, rows, columns, modulation = (tensor.double().numpy() for tensor in given)
    count, channels, height, width = x.shape
    kernel, taps = made.kernel, made.kernel**2
    samples = np.zeros((count, channels, taps, height, width))
    for n, c, k, i, j in itertools.product(*map(range, samples.shape)):
        tap = c // made.group * taps + k
        down = i + k // kernel - kernel // 2 + rows[n, tap, i, j]
        right = j + k % kernel - kernel // 2 + columns[n, tap, i, j]
        samples[n, c, k, i, j] = modulation[n, tap, i, j] * bilinear(x[n, c], down, right)
    weight = made.conv.weight.double().numpy().reshape(OUT, channels, taps)
    assert made.conv.bias is not None
    bias = made.conv.bias.double().numpy().reshape(1, OUT, 1, 1)
    y: Array = np.einsum("ock,nckhw->nohw", weight, samples) + bias
    return y


def bilinear(plane: Array, down: float, right: float) -> float:
    """Sample a plane that is 0 outside."""
    value = 0.0
    for i in (math.floor(down), math.floor(down) + 1):
        for j in (math.floor(right), math.floor(right) + 1):
            if 0 <= i < plane.shape[0] and 0 <= j < plane.shape[1]:
                value += (1 - abs(down - i)) * (1 - abs(right - j)) * plane[i, j]
    return value


def assert_as_defined(made: DeformableConv2d, given: Given) -> None:
    np.testing.assert_allclose(made(*given).numpy(), defined(made, given), rtol=0, atol=2e-5)


@pytest.mark.parametrize("hw", [(4, 9), (9, 4), (1, 6), (5, 5)])
@pytest.mark.parametrize(("channels", "group"), [(4, 4), (6, 3), (4, 1)])
def test_it_computes_the_definition(hw: tuple[int, int], channels: int, group: int) -> None:
    assert_as_defined(block(channels, group=group), drawn(channels, hw, group=group))


@pytest.mark.parametrize("kernel", [1, 5])
def test_other_kernels_compute_the_definition_too(kernel: int) -> None:
    given = drawn(4, (6, 5), group=2, kernel=kernel)
    assert_as_defined(block(4, group=2, kernel=kernel), given)


@pytest.mark.parametrize("reach", [0.0, 1.0, 6.0])
def test_whole_pixels_are_hit(reach: float) -> None:
    x, rows, columns, modulation = drawn(4, (6, 9), group=2, reach=reach)
    assert_as_defined(block(4, group=2), (x, rows.round(), columns.round(), modulation))


def test_offsets_that_leave_the_picture_are_in_the_random_draws() -> None:
    _, rows, _, _ = drawn(4, (4, 9), group=4)
    assert ((rows < -4) | (rows > 4)).any()
    assert (rows.abs() < 1).any()


def test_without_offsets_it_is_a_plain_convolution() -> None:
    made = block(6, group=3)
    x, rows, columns, modulation = drawn(6, (5, 8), group=3, reach=0)
    plain = functional.conv2d(x, made.conv.weight.reshape(OUT, 6, 3, 3), made.conv.bias, padding=1)
    y = made(x, rows, columns, torch.ones_like(modulation))
    torch.testing.assert_close(y, plain, rtol=0, atol=2e-5)


@pytest.mark.parametrize("far", [12.0, 1e4, 1e9, -1e30])
def test_far_outside_everything_is_zero(far: float) -> None:
    made = block(4, group=2)
    x, rows, _, modulation = drawn(4, (5, 8), group=2)
    away = torch.full_like(rows, far)
    assert made.conv.bias is not None
    nothing = made.conv.bias.reshape(1, OUT, 1, 1).expand(2, OUT, 5, 8)
    for offsets in ((away, rows), (rows, away), (away, away)):
        torch.testing.assert_close(made(x, *offsets, modulation), nothing)


@pytest.mark.parametrize(("offset", "share"), [(0.0, 1.0), (-0.25, 0.75), (-0.5, 0.5), (-1.0, 0.0)])
def test_the_border_fades_to_zero(offset: float, share: float) -> None:
    made = block(1, group=1, kernel=1)
    nn.init.ones_(made.conv.weight)
    nn.init.zeros_(made.conv.bias)  # type: ignore[arg-type]
    ones = torch.ones(1, 1, 3, 4)
    faded = made(ones, torch.zeros_like(ones), torch.full_like(ones, offset), ones)
    assert faded[0, 0, :, 0].tolist() == pytest.approx([share] * 3)
    assert faded[0, 0, :, 1:].tolist() == [pytest.approx([1.0] * 3)] * 3


def test_a_group_follows_its_own_offsets_alone() -> None:
    made = block(6, group=3)
    x, rows, columns, modulation = drawn(6, (5, 8), group=3)
    moved = rows.clone()
    moved[:, 9:] += 1  # of the second group
    only_first = torch.cat([x[:, :3], 0 * x[:, 3:]], dim=1)
    first = made(only_first, rows, columns, modulation)
    assert torch.equal(made(only_first, moved, columns, modulation), first)
    assert not torch.equal(made(x, moved, columns, modulation), made(x, rows, columns, modulation))


def test_fewer_groups_are_a_slice_of_more() -> None:
    whole, part = block(8, group=2), block(4, group=2)
    plan = slice_plan(whole, part)
    sliced = {name: take(parameter, plan[name]) for name, parameter in whole.named_parameters()}
    given = drawn(8, (5, 8), group=2)
    x, *taps = given
    on_slices = functional_call(part, sliced, (x[:, :4], *(tap[:, :18] for tap in taps)))
    expected = whole(torch.cat([x[:, :4], 0 * x[:, 4:]], dim=1), *taps)
    torch.testing.assert_close(on_slices, expected, rtol=0, atol=2e-5)


def test_offsets_learn() -> None:
    made = block(2, group=1).double()
    given = tuple(tensor[:1].double().requires_grad_() for tensor in drawn(2, (3, 4), group=1))
    assert torch.autograd.gradcheck(made, given)


def test_half_precision_finds_the_places_of_a_wide_map() -> None:
    # Coordinates run over -1..1, where half precision has steps of 2^-11: a pixel of the widest
    # map of any row, 192, is 21 of them. What is sampled changes over four pixels.
    made = block(16, group=16)
    coarse, *taps = drawn(16, (8, 192), group=16)
    x = functional.interpolate(coarse[..., ::4, ::4], scale_factor=4, mode="bilinear")
    given = tuple(tensor.half() for tensor in (x, *taps))
    expected = made(*(tensor.float() for tensor in given))
    y = made.half()(*given).float()
    error = (y - expected).square().mean().sqrt() / expected.std()
    assert error < 0.02


@pytest.mark.parametrize(("channels", "group", "kernel"), [(6, 4, 3), (6, 3, 2)])
def test_what_is_no_deformable_convolution_is_refused(
    channels: int, group: int, kernel: int
) -> None:
    message = f"^{channels} channels in groups of {group}, kernel {kernel}: groups must fill"
    with pytest.raises(ValueError, match=message):
        DeformableConv2d(channels, OUT, group=group, kernel=kernel)


def _onnx(exported: torch.export.ExportedProgram, path: Path) -> Callable[[Given], Array]:
    import onnxruntime

    torch.onnx.export(exported, dynamo=True, opset_version=18, verbose=False).save(path)  # type: ignore[union-attr]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def run(given: Given) -> Array:
        arrays = (tensor.numpy() for tensor in given)
        y: Array = session.run(None, dict(zip(names, arrays, strict=True)))[0]
        return y

    return run


def _executorch(exported: torch.export.ExportedProgram, path: Path) -> Callable[[Given], Array]:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.runtime import Runtime

    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    path.write_bytes(lowered.to_executorch().buffer)
    method = Runtime.get().load_program(path).load_method("forward")

    def run(given: Given) -> Array:
        y: Array = method.execute(given)[0].numpy()
        return y

    return run


@pytest.mark.parametrize("runtime", [_onnx, _executorch], ids=["onnx", "executorch"])
def test_phones_runtimes_compute_the_definition(
    runtime: Callable[[torch.export.ExportedProgram, Path], Callable[[Given], Array]],
    tmp_path: Path,
) -> None:
    made, given = block(6, group=3), drawn(6, (5, 8), group=3)
    run = runtime(torch.export.export(made, given), tmp_path / "file")
    np.testing.assert_allclose(run(given), defined(made, given), rtol=0, atol=2e-5)
    x, rows, columns, modulation = given
    far = (x, 1e9 * rows, columns.round(), modulation)
    np.testing.assert_allclose(run(far), defined(made, far), rtol=0, atol=2e-5)

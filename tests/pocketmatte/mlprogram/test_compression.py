import numpy as np
import pytest
import torch
from torch import Tensor

from pocketmatte.mlprogram.operations.compression import (
    constexpr_affine_dequantize,
    constexpr_blockwise_shift_scale,
    constexpr_cast,
    constexpr_lut_to_dense,
    constexpr_lut_to_sparse,
    constexpr_sparse_blockwise_shift_scale,
    constexpr_sparse_to_dense,
    dequantize,
    quantize,
)


def whole(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.int32)


def packed(values: list[int], bits: int) -> Tensor:
    """Return numbers as bytes, lowest bits first, written out as one long number."""
    number = sum(value << bits * place for place, value in enumerate(values))
    return whole([*number.to_bytes(-(-bits * len(values) // 8), "little")])


def test_a_scale_is_single_or_along_a_dimension() -> None:
    data = whole([[0, 128, 255], [1, 2, 3]])
    single = constexpr_affine_dequantize(data, whole(128), torch.tensor(0.5), 0)
    assert single.tolist() == [[-64, 0, 63.5], [-63.5, -63, -62.5]]
    rows = constexpr_affine_dequantize(data, whole([0, 1]), torch.tensor([0.5, 2.0]), -2)
    assert rows.tolist() == [[0, 64, 127.5], [0, 2, 4]]
    columns = constexpr_affine_dequantize(data, whole(0), torch.tensor([1.0, 2.0, 4.0]), 1)
    assert columns.tolist() == [[0, 256, 1020], [1, 4, 12]]


def test_a_scale_along_another_dimension_is_refused() -> None:
    data = whole([[0, 1, 2], [3, 4, 5]])
    with pytest.raises(ValueError, match=r"\(3,\) values do not fit dimension 0 of \(2, 3\)"):
        dequantize(data, torch.ones(3), axis=0)
    with pytest.raises(ValueError, match=r"\(3,\) values need a dimension of 2, not None"):
        dequantize(data, torch.ones(3))
    with pytest.raises(ValueError, match=r"\(3,\) values need a dimension of 2, not 2"):
        dequantize(data, torch.ones(3), axis=2)


def test_a_cast_of_a_constant_is_to_single_precision_only() -> None:
    x = torch.tensor([0.5, -2.0])
    assert torch.equal(constexpr_cast(x, "fp32"), x)
    with pytest.raises(ValueError, match="output_dtype 'int8' is not known here"):
        constexpr_cast(x, "int8")


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8])
def test_packed_indices_are_read_lowest_bits_first(bits: int) -> None:
    lut = torch.randn(1 << bits, generator=torch.Generator().manual_seed(bits))
    generator = np.random.default_rng(bits)
    values = generator.integers(0, 1 << bits, 15).tolist()
    found = constexpr_lut_to_dense(packed(values, bits), lut, (3, 5))
    assert found.shape == (3, 5)
    assert torch.equal(found.flatten(), lut[values])


def test_a_table_is_of_a_group_of_rows() -> None:
    indices = whole([[2, 3], [3, 0], [1, 0], [3, 0], [2, 1], [0, 3]])
    lut = torch.tensor([1.0, 5.0, 9.0, 13.0, 2.0, 10.0, 18.0, 26.0]).reshape(2, 1, 4, 1)
    expected = [[9, 13], [13, 1], [5, 1], [26, 2], [18, 10], [2, 26]]
    assert constexpr_lut_to_dense(indices, lut).tolist() == expected


ENTRIES = whole([[10, 11, 12], [20, 21, 22]]).reshape(1, 1, 1, 2, 3)
INDICES = whole([[[0, 0], [1, 0]], [[1, 1], [0, 0]]])


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_an_entry_of_several_values_is_laid_along_its_axis(axis: int) -> None:
    found = constexpr_lut_to_dense(INDICES, ENTRIES, None, axis)
    assert found.dtype == torch.int32
    shape = [2, 2, 2]
    shape[axis] = 6
    assert list(found.shape) == shape
    for place in np.ndindex(2, 2, 2):
        for step in range(3):
            there = list(place)
            there[axis] = 3 * place[axis] + step
            expected = 10 * (1 + int(INDICES[place])) + step
            assert found[tuple(there)] == expected


def test_tables_may_differ_along_the_axis_of_their_values() -> None:
    lut = torch.arange(2 * 2 * 2).reshape(1, 2, 2, 2).float()  # a table for every half of a row
    found = constexpr_lut_to_dense(whole([[0, 1, 0, 1]]), lut, None, 1)
    assert found.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7]]
    found = constexpr_lut_to_dense(whole([[1, 1, 1, 0]]), lut, None, 0)
    assert found.tolist() == [[2, 2, 6, 4], [3, 3, 7, 5]]


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="tables of 3 values an entry need a dimension of 3"):
        constexpr_lut_to_dense(INDICES, ENTRIES)
    with pytest.raises(ValueError, match=r"tables \(2, 3\) do not fit indices \(2, 2, 2\)"):
        constexpr_lut_to_dense(INDICES, ENTRIES[0, 0, 0])
    with pytest.raises(ValueError, match=r"\(2, 2, 2\) is not made of \(1, 3, 1\) blocks"):
        constexpr_lut_to_dense(INDICES, ENTRIES.expand(1, 3, 1, 2, 3), None, 1)


MASK = whole([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [1, 1, 0, 0]])


def test_values_stand_where_the_mask_is_set() -> None:
    values = torch.arange(1.0, 10.0)
    expected = [[1, 2, 0, 0], [3, 4, 5, 0], [0, 0, 6, 7], [8, 9, 0, 0]]
    assert constexpr_sparse_to_dense(values, MASK).tolist() == expected
    old = packed(MASK.flatten().tolist(), 1)
    assert constexpr_sparse_to_dense(values, old, (4, 4)).tolist() == expected


@pytest.mark.parametrize("count", [1, 8, 10])
def test_another_number_of_values_than_the_mask_sets_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=rf"\({count},\) are not the 9 values of the mask"):
        constexpr_sparse_to_dense(torch.ones(count), MASK)


def test_every_block_has_its_scale_and_offset() -> None:
    data = whole(np.arange(24).reshape(4, 6).tolist())
    scale = torch.tensor([[1.0, 10.0, 100.0], [0.5, 5.0, 50.0]])
    offset = whole([[0, 1, 2], [3, 4, 5]])
    found = constexpr_blockwise_shift_scale(data, scale, offset)
    for row, column in np.ndindex(4, 6):
        own = row // 2, column // 2
        expected = float(scale[own]) * (int(data[row, column]) - int(offset[own]))
        assert float(found[row, column]) == expected
    plain = constexpr_blockwise_shift_scale(data, scale)
    assert torch.equal(plain[:2, :2], data[:2, :2].float())
    with pytest.raises(ValueError, match=r"\(4, 6\) is not made of \(3, 3\) blocks"):
        constexpr_blockwise_shift_scale(data, torch.ones(3, 3))


def test_sparse_values_are_scaled_by_where_they_stand() -> None:
    values = whole([10, 11, 3, 4, 5, 6, 7, 8, 9])
    scale, offset = torch.tensor([[0.1, 0.2, 0.3, 0.4]]), whole([[1, 2, 3, 4]])
    mask, found = constexpr_sparse_blockwise_shift_scale(MASK, values, scale, offset)
    assert torch.equal(mask, MASK)
    expected = torch.tensor([0.9, 1.8, 0.2, 0.4, 0.6, 0.9, 1.2, 0.7, 1.4])
    assert torch.allclose(found, expected)


WIDE_MASK = whole([[1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 1], [0, 1, 1, 0, 1, 0], [0, 0, 0, 1, 0, 0]])
SPARSE = whole([0, 1, 1, 0, 1, 1, 0, 0, 1])


def test_sparse_indices_are_looked_up() -> None:
    lut = torch.tensor([2.0, 3.0]).reshape(1, 1, 2, 1)
    mask, found = constexpr_lut_to_sparse(WIDE_MASK, SPARSE, lut)
    assert torch.equal(mask, WIDE_MASK)
    assert found.tolist() == [2, 3, 3, 2, 3, 3, 2, 2, 3]


def test_a_mask_grows_with_entries_of_several_values() -> None:
    lut = torch.tensor([[2.0, 2.5], [3.0, 3.5]]).reshape(1, 1, 2, 2)
    mask, found = constexpr_lut_to_sparse(WIDE_MASK, SPARSE, lut, 0)
    assert mask.tolist() == np.repeat(WIDE_MASK.numpy(), 2, axis=0).tolist()
    dense = constexpr_sparse_to_dense(found, mask)
    assert dense[0].tolist() == [2, 3, 0, 0, 0, 0]
    assert dense[1].tolist() == [2.5, 3.5, 0, 0, 0, 0]
    assert dense[4].tolist() == [0, 3, 2, 0, 2, 0]
    assert dense[5].tolist() == [0, 3.5, 2.5, 0, 2.5, 0]


def test_halves_are_quantised_to_even_numbers_and_the_range_is_kept() -> None:
    x = torch.tensor([0.25, 0.75, -0.25, 1.3, 1000.0, -1000.0, 1e30])
    scale = torch.tensor(0.5)
    found = quantize(x, scale, "int8")
    assert not found.is_floating_point()
    assert found.tolist() == [0, 2, 0, 3, 127, -128, 127]
    assert quantize(x, scale, "uint8", whole(100)).tolist() == [100, 102, 100, 103, 255, 0, 255]
    with pytest.raises(ValueError, match="output_dtype 'int4' is not known here"):
        quantize(x, scale, "int4")


def test_quantised_channels_come_back() -> None:
    x = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    scale, zero = torch.tensor([0.05, 0.04, 0.03]), whole([-3, 0, 5])
    steps = quantize(x, scale, "int8", zero, 1)
    expected = np.rint(x.numpy() / scale.numpy()[:, None, None]) + zero.numpy()[:, None, None]
    assert np.array_equal(steps.numpy(), expected.clip(-128, 127))
    back = dequantize(steps, scale, zero, 1)
    assert float((back - x).abs().max()) <= 0.025 + 1e-6

import numpy as np
import pytest

from pocketmatte.matting.aggregate import soft_aggregate
from pocketmatte.runtimes.protocol import FloatArray


def pixel(*probabilities: float) -> FloatArray:
    """Return one pixel of so many objects, ``(K, 1, 1)``."""
    return np.array(probabilities, dtype=np.float32)[:, None, None]


@pytest.mark.parametrize(
    ("objects", "shares"),
    [
        # one object: background 0.2, odds 1/4 and 4, sum 17/4
        ((0.8,), (1 / 17, 16 / 17)),
        # background 0.5 * 0.5 = 1/4, odds 1/3; objects' odds 1 and 1
        ((0.5, 0.5), (1 / 7, 3 / 7, 3 / 7)),
        # background 0.1 * 0.5 = 1/20, odds 1/19; objects' odds 9 and 1
        ((0.9, 0.5), (1 / 191, 171 / 191, 19 / 191)),
    ],
)
def test_every_share_is_its_part_of_the_odds(
    objects: tuple[float, ...], shares: tuple[float, ...]
) -> None:
    found = soft_aggregate(pixel(*objects))
    np.testing.assert_allclose(found[:, 0, 0], shares, rtol=0, atol=1e-6)


def test_it_is_the_softmax_of_the_logits() -> None:
    probabilities = np.random.default_rng(0).uniform(0.05, 0.95, (3, 8, 12)).astype(np.float32)
    background = np.prod(1 - probabilities.astype(np.float64), axis=0)
    everything = np.stack([background, *probabilities.astype(np.float64)])
    weights = np.exp(np.log(everything / (1 - everything)))
    expected = weights / weights.sum(axis=0)
    np.testing.assert_allclose(soft_aggregate(probabilities), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("objects", "winner"), [((0.0, 0.0), 0), ((1.0, 0.0), 1), ((0.0, 1.0), 2)])
def test_certain_pixels_stay_finite_and_certain(objects: tuple[float, ...], winner: int) -> None:
    found = soft_aggregate(pixel(*objects))[:, 0, 0]
    assert np.isfinite(found).all()
    assert found[winner] == pytest.approx(1, abs=1e-6)


def test_two_certain_objects_share_a_pixel() -> None:
    found = soft_aggregate(pixel(1.0, 1.0))[:, 0, 0]
    np.testing.assert_allclose(found, (0, 0.5, 0.5), rtol=0, atol=1e-6)


def test_shares_sum_to_1_everywhere_and_the_input_stays_as_it_is() -> None:
    probabilities = np.random.default_rng(1).random((4, 8, 12), dtype=np.float32)
    before = probabilities.copy()
    shares = soft_aggregate(probabilities)
    assert shares.shape == (5, 8, 12)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares.sum(axis=0), 1, rtol=0, atol=1e-6)
    assert np.array_equal(probabilities, before)


@pytest.mark.parametrize("shape", [(0, 4, 4), (4, 4), (1, 1, 4, 4)])
def test_what_is_no_stack_of_masks_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^probabilities are \(K, H, W\) with K at least 1, not"):
        soft_aggregate(np.zeros(shape, dtype=np.float32))

import pytest

from pocketmatte.delegation import broken_up, lowering
from tiers.ladder import ladder, tier

TOP_K = {"aten::topk": 1}


@pytest.mark.parametrize("name", ladder("propagation"))
def test_top_k_may_stay_outside_where_a_row_has_it(name: str) -> None:
    allowed = lowering(tier("propagation", name), "read")
    has_it = name >= "t07"
    assert (allowed.delegates, dict(allowed.outside)) == ((2, TOP_K) if has_it else (1, {}))


def test_a_row_without_top_k_is_refused_one() -> None:
    notes = {"delegates": 2, "outside": TOP_K}
    assert list(broken_up(tier("matanyone", "t12"), "read", notes)) == []
    assert list(broken_up(tier("matanyone", "t11"), "read", notes)) == [
        "XNNPACK runs it in 2 delegates; the limit is 1",
        "aten::topk stays outside XNNPACK 1 times; the limit is 0",
    ]


@pytest.mark.parametrize(("name", "samplings"), [("t01", 1), ("t04", 2), ("t12", 3)])
def test_one_sampling_a_level_that_looks_back_may_stay_outside(name: str, samplings: int) -> None:
    outside = lowering(tier("stfam", name), "matte").outside
    assert outside == {"aten::grid_sampler_2d": samplings}

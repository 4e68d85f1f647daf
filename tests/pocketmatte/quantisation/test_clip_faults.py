"""What eight bits may lose on clips with truth."""

from pocketmatte.quantise_report import clip_faults
from tiers.ladder import tier

RVM, FOREGROUND = tier("rvm", "t01"), tier("foreground", "t01")


def test_a_matte_may_lose_what_the_standard_scene_may() -> None:
    metrics = {"mad": (60.0, 60.9), "dtssd": (8.0, 8.7)}
    assert list(clip_faults(RVM, "w8a8", metrics)) == []
    metrics = {"mad": (60.0, 61.5), "dtssd": (8.0, 9.2)}
    assert list(clip_faults(RVM, "w8a8", metrics)) == [
        "rise of MAD of alpha on the clips is 1.5e-03; the limit is 1.0e-03",
        "rise by share of dtSSD of alpha on the clips is 1.5e-01; the limit is 1.0e-01",
    ]


def test_other_recipes_masks_and_clips_that_were_not_measured_have_no_limit_there() -> None:
    worse = {"mad": (60.0, 90.0), "dtssd": (8.0, 16.0)}
    assert list(clip_faults(RVM, "w8", worse)) == []
    assert list(clip_faults(FOREGROUND, "w8a8", {"miou": (0.5, 0.1), "mad": (60.0, 90.0)})) == []
    assert list(clip_faults(RVM, "w8a8", {})) == []
    still = {"mad": (60.0, 60.0), "dtssd": (0.0, 0.0)}
    assert list(clip_faults(RVM, "w8a8", still)) == []

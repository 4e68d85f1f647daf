"""What tiers are calibrated with."""

import numpy as np

from pocketmatte.quantisation.calibration_set import CalibrationSet
from pocketmatte.scene import standard_scene
from tiers.ladder import tier

SPEC = tier("rvm", "t01")


def test_scenes_have_the_tiers_size_and_somebody_in_them() -> None:
    scenes = list(CalibrationSet(frames=2).scenes(SPEC))
    assert len(scenes) == len(CalibrationSet().sources) == 6
    for scene in scenes:
        assert len(scene) == 2
        for moment in scene:
            assert moment.frame.shape == (1, 3, *SPEC.output_hw)
            assert moment.mask.shape == (1, 1, *SPEC.output_hw)
            assert 0.02 < moment.mask.mean() < 0.9
            assert 0 <= moment.frame.min() < moment.frame.max() <= 1


def test_halves_share_nothing_and_nothing_is_what_files_are_proven_on() -> None:
    first, second = (set(CalibrationSet(half=half).sources) for half in ("first", "second"))
    assert not first & second
    assert first | second == set(CalibrationSet().sources)
    proven = next(iter(standard_scene(SPEC, 1))).frame
    for scene in CalibrationSet(frames=1).scenes(SPEC):
        assert np.abs(scene[0].frame - proven).mean() > 0.05


def test_the_manifest_says_all_and_repeats() -> None:
    manifest = CalibrationSet(frames=1).manifest(SPEC)
    assert manifest == CalibrationSet(frames=1).manifest(SPEC)
    assert manifest["size_hw"] == list(SPEC.output_hw)
    others = (CalibrationSet(frames=2), CalibrationSet(half="first", frames=1))
    assert len({each.manifest(SPEC)["sha256"] for each in others} | {manifest["sha256"]}) == 3

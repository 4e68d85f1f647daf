"""What tiers are calibrated with."""

import numpy as np

from pocketmatte.quantisation.calibration_set import calibration_scenes, manifest
from pocketmatte.scene import standard_scene
from tiers.ladder import tier

SPEC = tier("rvm", "t01")


def test_scenes_have_the_tiers_size_and_somebody_in_them() -> None:
    scenes = calibration_scenes(SPEC, 2)
    assert list(scenes) == [
        "picture:chelsea", "picture:rocket", "picture:camera", "composed:0", "composed:1",
        "composed:2",
    ]  # fmt: skip
    for scene in scenes.values():
        assert len(scene) == 2
        for moment in scene:
            assert moment.frame.shape == (1, 3, *SPEC.output_hw)
            assert moment.mask.shape == (1, 1, *SPEC.output_hw)
            assert 0.02 < moment.mask.mean() < 0.9
            assert 0 <= moment.frame.min() < moment.frame.max() <= 1


def test_no_two_scenes_are_alike_and_none_is_what_files_are_proven_on() -> None:
    frames = [scene[0].frame for scene in calibration_scenes(SPEC, 1).values()]
    frames.append(next(iter(standard_scene(SPEC, 1))).frame)
    for index, frame in enumerate(frames):
        assert all(np.abs(frame - other).mean() > 0.05 for other in frames[:index])


def test_the_manifest_says_all_and_repeats() -> None:
    scenes = calibration_scenes(SPEC, 1)
    told = manifest(SPEC, scenes)
    assert told == manifest(SPEC, calibration_scenes(SPEC, 1))
    assert told["size_hw"] == list(SPEC.output_hw)
    assert told["frames"] == [1] * 6
    fewer = {name: scene for name, scene in scenes.items() if name != "composed:1"}
    assert manifest(SPEC, fewer)["sha256"] != told["sha256"]

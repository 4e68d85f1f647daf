import numpy as np

from pocketmatte.scene import standard_scene
from pocketmatte.tolerances import DRIFT_FRAMES
from tiers.ladder import tier


def test_the_standard_frames_are_real_end_on_the_first_and_fit_the_tier() -> None:
    spec = tier("rvm", "t01").oriented("portrait")
    frames = [moment.frame for moment in standard_scene(spec, 5)]
    assert {frame.shape for frame in frames} == {(1, 3, *spec.output_hw)}
    assert {frame.dtype for frame in frames} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(frames[0], frames[-1])
    assert np.abs(frames[2] - frames[0]).mean() > 0.02
    assert 0 <= frames[0].min() < frames[0].max() <= 1


def test_the_mask_moves_with_the_person() -> None:
    spec = tier("rvm", "t04")
    moments = list(standard_scene(spec, 9))
    assert {moment.mask.shape for moment in moments} == {(1, 1, *spec.output_hw)}
    assert not np.array_equal(moments[0].mask, moments[2].mask)
    for moment in moments:
        assert 0.2 < moment.mask.mean() < 0.7
        assert (moment.mask.min(), moment.mask.max()) == (0, 1)
        # a bright wall is behind her
        brightness = moment.frame.mean(axis=1, keepdims=True)
        inside, outside = moment.mask > 0.5, moment.mask < 0.5
        assert brightness[outside].mean() > brightness[inside].mean() + 0.05


def test_a_scene_long_enough_to_judge_drift_is_played_twice() -> None:
    spec = tier("rvm", "t01")
    frames = [moment.frame for moment in standard_scene(spec, DRIFT_FRAMES + 1)]
    half = DRIFT_FRAMES // 2
    assert len(frames) == DRIFT_FRAMES + 1
    for first, second in zip(frames[:half], frames[half : 2 * half], strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(frames[0], frames[-1])
    assert np.abs(frames[half // 2] - frames[0]).mean() > 0.02

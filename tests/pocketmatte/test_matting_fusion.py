import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import torch

from pocketmatte.matting.board import Moment, Tensors
from pocketmatte.matting.fusion import Fuser, rollout
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.scene import standard_scene
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.ladder import tier
from tiers.networks import programs
from tiers.weights import network_of, untrained

SPEC = tier("fusion", "t01")
HEIGHT, WIDTH = SPEC.output_hw
KEY = (1, 16, HEIGHT // 16, WIDTH // 16)
FRAME = np.full((1, 3, HEIGHT, WIDTH), 0.5, dtype=np.float32)


class Recorder:
    """Programs that answer with what tells them apart, and remember what they were given."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, FloatArray]]] = []
        self.shapes = {c.name: {t.name: t.shape for t in c.outputs} for c in contracts(SPEC)}

    def __call__(self, program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        self.calls.append((program, dict(inputs)))
        value = len(self.calls) / 100
        shapes = self.shapes[program]
        return {name: np.full(shape, value, np.float32) for name, shape in shapes.items()}

    def given(self, program: str) -> list[Mapping[str, FloatArray]]:
        return [inputs for name, inputs in self.calls if name == program]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def fuser(recorder: Recorder) -> Fuser:
    return Fuser(SPEC, recorder)


def key_of(seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=KEY).astype(np.float32)


def mask_of(seed: int) -> FloatArray:
    return np.random.default_rng(seed).random((1, 1, HEIGHT, WIDTH)).astype(np.float32)


def fuse(fuser: Fuser, number: int, reference: int) -> FloatArray:
    return fuser.fuse(number, reference, FRAME, key_of(2), mask_of(3), mask_of(4))


def test_what_an_interaction_added_and_removed_goes_with_every_frame(
    fuser: Fuser, recorder: Recorder
) -> None:
    previous_mask, new_mask = mask_of(0), mask_of(1)
    fuser.interact(4, key_of(0), previous_mask, new_mask)
    fuse(fuser, 5, 8)
    fuse(fuser, 6, 8)
    given = recorder.given("attend")
    assert len(given) == 2
    for inputs in given:
        assert np.array_equal(inputs["interacted_key"], key_of(0))
        assert np.array_equal(inputs["key"], key_of(2))
        assert np.array_equal(inputs["added"], np.clip(new_mask - previous_mask, 0, 1))
        assert np.array_equal(inputs["removed"], np.clip(previous_mask - new_mask, 0, 1))


def test_the_fused_mask_is_made_from_the_attention_of_its_frame(
    fuser: Fuser, recorder: Recorder
) -> None:
    fuser.interact(4, key_of(0), mask_of(0), mask_of(1))
    mask = fuse(fuser, 5, 8)
    assert [name for name, _ in recorder.calls] == ["attend", "fuse"]
    (inputs,) = recorder.given("fuse")
    assert np.unique(inputs["attention"]).tolist() == [np.float32(0.01)]  # of the first call
    assert np.array_equal(inputs["frame"], FRAME)
    assert np.array_equal(inputs["previous_mask"], mask_of(3))
    assert np.array_equal(inputs["new_mask"], mask_of(4))
    assert mask.shape == (1, 1, HEIGHT, WIDTH)
    assert np.unique(mask).tolist() == [np.float32(0.02)]


@pytest.mark.parametrize(
    ("interacted", "reference", "number", "expected"),
    [(4, 8, 5, (0.25, 0.75)), (8, 4, 5, (0.75, 0.25)), (0, 2, 1, (0.5, 0.5))],
)
def test_distances_are_shares_of_the_way_to_either_end(
    fuser: Fuser,
    recorder: Recorder,
    interacted: int,
    reference: int,
    number: int,
    expected: tuple[float, float],
) -> None:
    fuser.interact(interacted, key_of(0), mask_of(0), mask_of(1))
    fuse(fuser, number, reference)
    (inputs,) = recorder.given("fuse")
    assert inputs["distances"].shape == (1, 2, 1, 1)
    assert inputs["distances"].ravel().tolist() == list(expected)


def test_the_next_interaction_takes_the_place_of_the_last(fuser: Fuser, recorder: Recorder) -> None:
    fuser.interact(4, key_of(0), mask_of(0), mask_of(1))
    fuser.interact(0, key_of(5), mask_of(1), mask_of(0))
    fuse(fuser, 1, 4)
    (inputs,) = recorder.given("attend")
    assert np.array_equal(inputs["interacted_key"], key_of(5))
    assert np.array_equal(inputs["added"], np.clip(mask_of(0) - mask_of(1), 0, 1))


def test_fusing_before_any_interaction_is_refused(fuser: Fuser, recorder: Recorder) -> None:
    message = "^no mask was corrected yet; call interact with the corrected frame first$"
    with pytest.raises(UsageError, match=message):
        fuse(fuser, 5, 8)
    assert recorder.calls == []


def test_an_interaction_at_the_reference_frame_is_refused(fuser: Fuser) -> None:
    fuser.interact(8, key_of(0), mask_of(0), mask_of(1))
    message = "^frame 8 is both interacted with and the reference; give two frames$"
    with pytest.raises(UsageError, match=message):
        fuse(fuser, 5, 8)


@pytest.mark.parametrize("number", [3, 4, 8, 9])
def test_a_frame_that_does_not_lie_between_is_refused(fuser: Fuser, number: int) -> None:
    fuser.interact(4, key_of(0), mask_of(0), mask_of(1))
    message = (
        f"^frame {number} does not lie between the interaction at 4 and the reference at 8; "
        "take its new mask as it is$"
    )
    with pytest.raises(UsageError, match=message):
        fuse(fuser, number, 8)


@pytest.mark.parametrize("name", ["frame", "key", "previous_mask", "new_mask"])
def test_a_tensor_of_another_size_is_refused(fuser: Fuser, recorder: Recorder, name: str) -> None:
    fuser.interact(4, key_of(0), mask_of(0), mask_of(1))
    given = {"frame": FRAME, "key": key_of(2), "previous_mask": mask_of(3), "new_mask": mask_of(4)}
    full = given[name].shape
    given[name] = given[name][..., :-1]
    short = given[name].shape
    with pytest.raises(UsageError) as caught:
        fuser.fuse(5, 8, **given)
    assert str(caught.value) == f"{name} is {short}; this tier takes {full}"
    assert recorder.calls == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(fuser: Fuser, value: float) -> None:
    broken = key_of(0)
    broken[0, 3, 2, 1] = value
    message = "^interacted_key holds NaN or infinity; give finite numbers$"
    with pytest.raises(UsageError, match=message):
        fuser.interact(4, broken, mask_of(0), mask_of(1))


def test_a_mask_in_0_255_is_refused(fuser: Fuser) -> None:
    bytes_mask = np.zeros((1, 1, HEIGHT, WIDTH), np.float32)
    bytes_mask[..., 5:] = 255
    with pytest.raises(UsageError) as caught:
        fuser.interact(4, key_of(0), mask_of(0), bytes_mask)
    assert str(caught.value) == "new_mask holds values in 0..255; they must lie in 0..1"


def test_a_refused_interaction_leaves_the_last_one_in_place(
    fuser: Fuser, recorder: Recorder
) -> None:
    fuser.interact(4, key_of(0), mask_of(0), mask_of(1))
    with pytest.raises(UsageError, match=r"^previous_mask is \(1, 1, 8, 8\)"):
        fuser.interact(6, key_of(5), np.zeros((1, 1, 8, 8), np.float32), mask_of(1))
    fuse(fuser, 5, 8)
    (inputs,) = recorder.given("attend")
    assert np.array_equal(inputs["interacted_key"], key_of(0))


def moments(count: int) -> Iterator[Moment]:
    return standard_scene(SPEC, count)


def test_every_frame_of_a_rollout_is_attended_to_and_fused(recorder: Recorder) -> None:
    outputs = list(rollout(SPEC, recorder, moments(10)))
    assert [list(frame) for frame in outputs] == [["mask"]] * 10
    assert [name for name, _ in recorder.calls] == ["attend", "fuse"] * 10


def test_a_rollout_is_corrected_every_eight_frames(recorder: Recorder) -> None:
    list(rollout(SPEC, recorder, moments(17)))
    keys = [inputs["interacted_key"] for inputs in recorder.given("attend")]
    same = [np.array_equal(first, second) for first, second in itertools.pairwise(keys)]
    assert [index + 1 for index, equal in enumerate(same) if not equal] == [8, 16]
    distances = [inputs["distances"].ravel() for inputs in recorder.given("fuse")]
    for index, (to_interacted, to_reference) in enumerate(distances):
        assert to_interacted == pytest.approx((index % 8 + 1) / 9)
        assert to_reference == pytest.approx(1 - (index % 8 + 1) / 9)


def test_the_masks_of_a_rollout_differ_in_both_directions(recorder: Recorder) -> None:
    list(rollout(SPEC, recorder, moments(3)))
    for inputs in recorder.given("attend"):
        assert inputs["added"].mean() > 0.005
        assert inputs["removed"].mean() > 0.005
    for inputs in recorder.given("fuse"):
        assert np.abs(inputs["new_mask"] - inputs["previous_mask"]).mean() > 0.01


def test_rollout_keys_find_equal_colours_again(recorder: Recorder) -> None:
    left = np.zeros((1, 3, HEIGHT, WIDTH), np.float32)
    left[..., : WIDTH // 2] = np.array([0.8, 0.2, 0.3], np.float32).reshape(3, 1, 1)
    right = left[..., ::-1].copy()
    mask = mask_of(0)
    list(rollout(SPEC, recorder, [Moment(frame=frame, mask=mask) for frame in (left, right)]))
    inputs = recorder.given("attend")[1]
    there, here = (inputs[name][0].reshape(16, -1) for name in ("interacted_key", "key"))
    scores = (here.T @ there / 4).reshape(HEIGHT // 16, WIDTH // 16, HEIGHT // 16, WIDTH // 16)
    equal, foreign = scores[0, 0, 0, -1], scores[0, 0, 0, 0]
    assert 4 < equal < 12  # around 8
    assert equal - foreign > 3


def test_a_rollout_of_the_network_gives_masks_that_say_something() -> None:
    network = network_of(SPEC, untrained(SPEC))
    made = programs(network, SPEC)
    outputs_of = {c.name: [t.name for t in c.outputs] for c in contracts(SPEC)}

    def run(program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        with torch.inference_mode():
            given = made[program](*(torch.from_numpy(array) for array in inputs.values()))
        return dict(zip(outputs_of[program], (each.numpy() for each in given), strict=True))

    for frame in rollout(SPEC, run, moments(2)):
        assert frame["mask"].shape == (1, 1, HEIGHT, WIDTH)
        assert frame["mask"].min() >= 0
        assert frame["mask"].max() <= 1
        assert np.ptp(frame["mask"]) >= 0.05

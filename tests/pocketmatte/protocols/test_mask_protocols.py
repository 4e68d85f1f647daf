"""Protocols of masks over rules in place of networks, whose scores are known."""

import numpy as np
import pytest

from pocketmatte.protocols.propagation import shared_out
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.segmentation_metrics import iou
from pocketmatte.sequence_scores import score_first_repeated
from tests.pocketmatte.protocols.rules import HW, Bench, Inputs, UInt8, boxed, in_red, red
from tiers.errors import MediaError
from tiers.ladder import tier


class Remembers:
    """Gives the masks that its memory holds, 16 pixels a cell: objects that stand still."""

    def __call__(self, program: str, inputs: Inputs) -> Inputs:
        if program == "encode_value":
            value = inputs["memory_value"].copy()
            half = value.shape[1] // 2
            for number, mask in enumerate(inputs["masks"][:, 0]):
                slot = int(inputs["slot"].argmax())
                value[slot, number * half] = mask[::16, ::16]
            return {"memory_value_next": value}
        if program == "read":
            value = inputs["memory_value"][0]
            coarse = np.stack([value[0], value[len(value) // 2]])[:, None]
            return {"masks": coarse.repeat(16, axis=2).repeat(16, axis=3)}
        return {}


def labelled(shift: int) -> UInt8:
    """Three objects of whole cells, each 16 pixels further down than the one before."""
    mask = np.zeros(HW["propagation"], np.uint8)
    for number in range(3):
        left = 48 * number + shift
        mask[16 * number + 16 : 16 * number + 48, left : left + 32] = number + 1
    return mask


def test_propagation_follows_more_objects_than_a_run_holds(bench: Bench) -> None:
    truths = [labelled(0)] * 3
    bench.clip([in_red(truth) for truth in truths], truths, "masks")
    result = bench.measured("propagation", Remembers())
    assert (result.frames, result.weight) == (1, 3)
    assert (result.metrics["j"], result.metrics["f"], result.metrics["jf"]) == (1, 1, 1)
    assert (result.metrics["j_recall"], result.metrics["f_decay"]) == (1, 0)


def test_objects_that_stand_still_score_what_the_first_mask_scores(bench: Bench) -> None:
    truths = [labelled(8 * index) for index in range(6)]
    bench.clip([in_red(truth) for truth in truths], truths, "masks")
    result = bench.measured("propagation", Remembers())
    for name, value in result.metrics.items():
        assert value == pytest.approx(result.baselines[f"first_mask_{name}"])
    masks = [np.stack([truth == k for k in (1, 2, 3)]) for truth in truths]
    assert result.metrics["j"] == pytest.approx(score_first_repeated(masks).j)
    assert 0.1 < result.metrics["j"] < 0.9
    assert result.metrics["j_decay"] > 0


def test_an_object_too_small_for_the_tier_is_never_found(bench: Bench) -> None:
    truth = np.zeros((3 * HW["propagation"][0], 3 * HW["propagation"][1]), np.uint8)
    truth[100, 100] = 1
    bench.clip([in_red(truth)] * 3, [truth] * 3, "masks")
    assert bench.measured("propagation", Remembers()).metrics["j"] == 0


def test_a_pixel_goes_to_the_most_likely_object_or_to_what_both_runs_leave() -> None:
    # Two runs of two objects and of one. Background: (1 - 0.4 - 0.35) (1 - p).
    columns = np.array([[0.4, 0.35, 0.0], [0.2, 0.2, 0.5], [0.1, 0.1, 0.1], [0.38, 0.0, 0.37]])
    found = shared_out(columns.T[:, None].astype(np.float32))[:, 0].T
    assert found.tolist() == [
        [True, False, False],
        [False, False, True],
        [False, False, False],
        [False, False, False],
    ]


def test_foreground_is_measured_at_the_pictures_own_size(bench: Bench) -> None:
    height, width = HW["foreground"]
    masks = [boxed((2 * height, 2 * width), 0, width=width), boxed((width, height), 0)]
    bench.stills([in_red(mask) for mask in masks], masks)
    seen: list[tuple[int, ...]] = []

    def rule(_: str, inputs: Inputs) -> Inputs:
        seen.append(inputs["frame"].shape)
        return {"mask": red(inputs["frame"])}

    result = bench.measured("foreground", rule)
    assert result.frames == 2
    assert seen[1][2:] == tier("foreground", "t01").oriented("portrait").output_hw
    assert result.metrics["miou"] > 0.95
    assert result.metrics["mad"] < 10
    flat = bench.measured("foreground", lambda _, i: {"mask": red(i["frame"]) * 0 + 0.5})
    assert flat.metrics["mad"] == pytest.approx(500)
    assert flat.metrics["miou"] == pytest.approx(flat.baselines["full_miou"])
    shares = [float((mask > 0).mean()) for mask in masks]
    assert flat.baselines["full_miou"] == pytest.approx(np.mean(shares))
    assert flat.metrics["decided_mad"] == pytest.approx(1e3 * (1 - np.mean(shares)))
    unsure = bench.measured("foreground", lambda _, i: {"mask": 0.4 + 0.2 * red(i["frame"])})
    assert unsure.metrics["mad"] == pytest.approx(400, abs=10)
    assert unsure.metrics["decided_mad"] < 10
    constants = [1e3 * min(share, 1 - share) for share in shares]
    assert flat.baselines["constant_mad"] == pytest.approx(np.mean(constants))


def folder_of(bench: Bench, lefts: list[int]) -> list[UInt8]:
    """Write pictures whose boxes, as wide as half a picture, begin at some columns."""
    height, width = HW["foreground"]
    masks = [boxed((height, width), left, width=width // 2) for left in lefts]
    bench.stills([in_red(mask) for mask in masks], masks)
    return masks


def blank(_: str, inputs: Inputs) -> Inputs:
    return {"mask": red(inputs["frame"]) * 0}


def test_foreground_stands_beside_where_the_other_subjects_are(bench: Bench) -> None:
    width = HW["foreground"][1]
    masks = folder_of(bench, [0, 0, 0, width // 2])
    found = bench.measured("foreground", blank).baselines
    # Of the first three the others lie right in two of three; of the last, the others lie wrong.
    assert found["prior_miou"] == pytest.approx(3 / 4, abs=0.03)
    share = float((masks[0] > 0).mean())
    assert found["prior_mad"] == pytest.approx(1e3 * 2 * share / 4, rel=0.05)
    assert found["prior_miou"] > 2 * found["full_miou"]


def test_a_picture_is_not_among_those_that_it_is_compared_with(bench: Bench) -> None:
    folder_of(bench, [0, HW["foreground"][1] // 2])
    found = bench.measured("foreground", blank).baselines
    assert found["prior_miou"] == pytest.approx(0, abs=0.02)


def test_a_picture_that_is_alone_is_compared_with_everything(bench: Bench) -> None:
    folder_of(bench, [0])
    found = bench.measured("foreground", blank).baselines
    assert found["prior_miou"] == found["full_miou"]


def test_what_few_pictures_share_is_taken_where_that_suits_them(bench: Bench) -> None:
    width = HW["foreground"][1]
    folder_of(bench, [width // 2 * (number % 5 == 0) for number in range(10)] + [0] * 5)
    found = bench.measured("foreground", blank).baselines
    assert found["prior_miou"] == pytest.approx(13 / 15, abs=0.03)


@pytest.mark.parametrize("network", ["foreground", "scribble"])
def test_a_folder_of_pictures_counts_as_often_as_it_has_pictures(
    bench: Bench, network: str
) -> None:
    masks = [boxed(HW[network], 20)] * 3
    bench.stills([in_red(mask) for mask in masks], masks)
    rule = {"foreground": blank, "scribble": paint}[network]
    assert bench.measured(network, rule).weight == 3


def paint(_: str, inputs: Inputs) -> Inputs:
    covered = np.where(
        inputs["positive"] > 0, 1, np.where(inputs["negative"] > 0, 0, inputs["mask"])
    )
    return {"refined": covered.astype(np.float32)}


def test_scribble_that_takes_strokes_as_paint_is_its_own_baseline(bench: Bench) -> None:
    masks = [boxed(HW["scribble"], 20), boxed(HW["scribble"], 60)]
    bench.stills([in_red(mask) for mask in masks], masks)
    result = bench.measured("scribble", paint)
    for k in (1, 2, 3):
        assert result.metrics[f"iou_{k}"] == result.baselines[f"painted_iou_{k}"]
        assert result.metrics[f"wrong_iou_{k}"] == result.baselines[f"painted_wrong_iou_{k}"]
    assert 0 < result.metrics["iou_1"] < result.metrics["iou_3"] < 0.5
    assert result.baselines["empty_iou"] == 0
    assert 0.4 <= result.baselines["wrong_iou"] <= 0.95
    assert result.metrics["noc_85%"] == 20
    assert result.metrics["failed_90%"] == 1


def test_scribble_that_knows_the_truth_needs_one_click(bench: Bench) -> None:
    masks = [boxed(HW["scribble"], 20), np.zeros(HW["scribble"], np.uint8)]
    bench.stills([in_red(mask) for mask in masks], masks)
    result = bench.measured("scribble", lambda _, i: {"refined": red(i["frame"])})
    assert result.frames == 1  # the other picture shows nothing to mark
    assert (result.metrics["iou_1"], result.metrics["wrong_iou_3"]) == (1, 1)
    assert (result.metrics["noc_85%"], result.metrics["noc_90%"]) == (1, 1)
    assert result.metrics["failed_85%"] == 0


@pytest.mark.parametrize("kept", ["previous", "new"])
def test_fusion_that_keeps_one_mask_scores_what_it_scores(bench: Bench, kept: str) -> None:
    truths = [boxed(HW["fusion"], 16 + 4 * index) for index in range(14)]
    bench.clip([in_red(truth) for truth in truths], truths, "masks")

    def rule(program: str, inputs: Inputs) -> Inputs:
        return {"mask": inputs[f"{kept}_mask"]} if program == "fuse" else {}

    result = bench.measured("fusion", rule)
    assert result.metrics["fused_miou"] == result.baselines[f"{kept}_miou"]
    assert 0.3 < result.baselines["previous_miou"] < 1
    assert 0.3 < result.baselines["new_miou"] < 1
    assert result.baselines["nearer_miou"] > result.baselines[f"{kept}_miou"]
    # interactions are at frames 0 and 8, the last reference at 13: eleven frames lie between
    assert result.frames == 7 + 4


def test_fusion_knows_how_far_both_ends_are_and_where_the_correction_was(bench: Bench) -> None:
    truths = [boxed(HW["fusion"], 40)] * 5
    bench.clip([in_red(truth) for truth in truths], truths, "masks")
    distances: list[list[float]] = []
    gained: list[FloatArray] = []
    new: list[float] = []
    previous: list[float] = []

    def rule(program: str, inputs: Inputs) -> Inputs:
        if program == "attend":
            gained.append(inputs["added"] - inputs["removed"])
            return {}
        distances.append(inputs["distances"].ravel().tolist())
        new.append(iou(inputs["new_mask"][0, 0], truths[0] / 255))
        previous.append(iou(inputs["previous_mask"][0, 0], truths[0] / 255))
        return {"mask": inputs["new_mask"]}

    bench.measured("fusion", rule)
    assert distances == [[0.25, 0.75], [0.5, 0.5], [0.75, 0.25]]
    assert np.abs(gained[0]).sum() > 50
    assert new[0] > new[1] > new[2]  # the further from the interaction, the worse
    assert previous[0] < previous[1] < previous[2]


def test_pictures_that_show_nothing_have_no_strokes(bench: Bench) -> None:
    mask = np.zeros(HW["scribble"], np.uint8)
    path = bench.stills([in_red(mask)], [mask])
    with pytest.raises(MediaError, match=f"^{path}: no mask marks anything that is still seen"):
        bench.measured("scribble", paint)

"""Protocols of mattes over rules in place of networks, whose scores are known."""

import numpy as np
import pytest

from pocketmatte.matting.trimap import trimap_of
from pocketmatte.protocols import PROTOCOLS
from pocketmatte.runtimes.protocol import FloatArray
from tests.pocketmatte.protocols.rules import HW, Bench, Inputs, UInt8, boxed, in_red, red
from tiers.errors import MediaError
from tiers.ladder import LADDERS


def moving(network: str, count: int = 4, step: int = 16) -> list[UInt8]:
    """The masks of a subject that moves to the right."""
    return [boxed(HW[network], 16 + step * index) for index in range(count)]


def plane(mask: UInt8) -> FloatArray:
    """Return a mask as programs take it."""
    return (mask.astype(np.float32) / np.float32(255))[None, None]


def test_every_network_has_a_protocol() -> None:
    assert set(PROTOCOLS) == set(LADDERS)


def test_rvm_in_a_file_is_measured_at_the_tiers_size_with_its_states(bench: Bench) -> None:
    truths = moving("rvm")
    bench.clip([in_red(truth) for truth in truths], truths, "alpha")
    seen: list[float] = []

    def rule(program: str, inputs: Inputs) -> Inputs:
        assert program == "matte"
        seen.append(float(inputs["r1"].mean()))
        return {
            "alpha": red(inputs["frame"]),
            "r1_next": np.full_like(inputs["r1"], len(seen) / 10),
        }

    result = bench.measured("rvm", rule)
    assert (result.frames, result.size_hw) == (4, HW["rvm"])
    assert result.metrics["mad"] == result.metrics["dtssd"] == 0
    assert seen == pytest.approx([0, 0.1, 0.2, 0.3])
    # the box covers half of the rows and 48 of the columns: less than half of the pixels
    assert result.baselines["constant_mad"] == pytest.approx(1e3 * 0.5 * 48 / HW["rvm"][1])


def test_stfam_is_given_true_trimaps_and_improves_on_them(bench: Bench) -> None:
    truths = moving("stfam")
    bench.clip([in_red(truth) for truth in truths], truths, "alpha")
    unmatted = bench.measured("stfam", lambda _, inputs: {"alpha": inputs["trimap"]})
    height, width = HW["stfam"]
    trimap = trimap_of(plane(truths[0]), widen_px=round(height / 32))
    expected = 1e3 * float((trimap == 0.5).mean()) / 2
    assert unmatted.metrics["mad"] == pytest.approx(expected)
    assert unmatted.baselines["trimap_mad"] == pytest.approx(expected)
    assert unmatted.baselines["constant_mad"] == pytest.approx(1e3 * 0.5 * 48 / width)
    perfect = bench.measured("stfam", lambda _, inputs: {"alpha": red(inputs["frame"])})
    assert perfect.metrics["mad"] == perfect.metrics["unknown_sad"] == 0
    assert perfect.baselines == unmatted.baselines


def test_stfam_is_measured_where_the_trimap_is_unknown_alone(bench: Bench) -> None:
    truths = moving("stfam")
    bench.clip([in_red(truth) for truth in truths], truths, "alpha")

    def rule(_: str, inputs: Inputs) -> Inputs:
        off = np.where(inputs["trimap"] == 0.5, 0.25, 0.75)
        return {"alpha": np.abs(red(inputs["frame"]) - off).astype(np.float32)}

    result = bench.measured("stfam", rule)
    widen_px = round(HW["stfam"][0] / 32)
    unknown = [int((trimap_of(plane(each), widen_px=widen_px) == 0.5).sum()) for each in truths]
    metrics, baselines = result.metrics, result.baselines
    assert metrics["unknown_mad"] == pytest.approx(1e3 * 0.25)
    assert metrics["unknown_mse"] == pytest.approx(1e3 * 0.25**2)
    assert metrics["unknown_sad"] == pytest.approx(0.25 * float(np.mean(unknown)) / 1e3)
    assert metrics["mad"] > 500
    assert baselines["trimap_unknown_mad"] == pytest.approx(500)
    assert baselines["trimap_unknown_mse"] == pytest.approx(250)


def test_a_clip_of_certain_pixels_has_no_unknown_errors(bench: Bench) -> None:
    truths = [np.zeros(HW["stfam"], np.uint8)] * 2
    bench.clip([in_red(truth) for truth in truths], truths, "alpha")
    result = bench.measured("stfam", lambda _, i: {"alpha": i["trimap"] + np.float32(0.5)})
    assert (result.metrics["mad"], result.metrics["unknown_mse"]) == (500, 0)


class Repeats:
    """Carries the last alphas over to the next frame."""

    def __init__(self) -> None:
        self.started: FloatArray | None = None
        self.reads = 0

    def __call__(self, program: str, inputs: Inputs) -> Inputs:
        if program == "memorise" and self.started is None:
            self.started = inputs["alphas"]
        if program != "read":
            return {}
        self.reads += 1
        assert self.started is not None
        return {"alphas": self.started}


def test_matanyone_begins_with_the_first_alpha_as_a_mask(bench: Bench) -> None:
    truths = [np.where(truth > 0, 200, 30).astype(np.uint8) for truth in moving("matanyone")]
    bench.clip([in_red(truth) for truth in truths], truths, "alpha")
    rule = Repeats()
    result = bench.measured("matanyone", rule)
    assert rule.started is not None
    np.testing.assert_array_equal(rule.started[0, 0], truths[0] == 200)
    assert not rule.started[1].any()
    assert rule.reads == 10 + 3  # the first frame is matted ten times
    assert result.frames == 4
    assert result.metrics["mad"] == pytest.approx(result.baselines["first_mask_mad"])
    # The first frame is off by 55 and 30 of 255, the others where the box has moved too.
    share = 0.5 * 48 / HW["matanyone"][1]
    still = share * 55 / 255 + (1 - share) * 30 / 255
    moved = [0.5 * 16 * k / HW["matanyone"][1] for k in range(4)]
    wrong = [still + m * (200 - 55) / 255 + m * (225 - 30) / 255 for m in moved]
    assert result.metrics["mad"] == pytest.approx(1e3 * float(np.mean(wrong)), rel=1e-4)


def test_trimap_is_given_the_first_and_scored_on_the_others(bench: Bench) -> None:
    truths = moving("trimap")
    bench.clip([in_red(truth) for truth in truths], truths, "alpha")
    widen_px = round(HW["trimap"][0] / 32)
    given: list[FloatArray] = []

    def classes(trimap: FloatArray) -> FloatArray:
        shares = np.concatenate([trimap == value for value in (0, 0.5, 1)], 1)
        return np.asarray(shares, dtype=np.float32)

    def perfect(program: str, inputs: Inputs) -> Inputs:
        if program == "encode_reference":
            given.append(inputs["reference_trimap"])
            return {}
        return {"trimap": classes(trimap_of(red(inputs["frame"]), widen_px=widen_px))}

    result = bench.measured("trimap", perfect)
    trimaps = [trimap_of(plane(truth), widen_px=widen_px) for truth in truths]
    np.testing.assert_array_equal(given, trimaps[:1])
    assert (result.frames, result.metrics["accuracy"], result.metrics["miou"]) == (3, 1, 1)
    unknown = float((trimaps[1] == 0.5).mean())
    assert result.metrics["mad"] == pytest.approx(1e3 * unknown / 2)

    unsure = bench.measured("trimap", lambda p, i: {k: v * 0.8 for k, v in perfect(p, i).items()})
    assert unsure.metrics["mad"] == result.metrics["mad"] == result.metrics["soft_mad"]
    known_fg = float((trimaps[1] == 1).mean())
    assert unsure.metrics["soft_mad"] == pytest.approx(
        1e3 * (unknown / 2 + 0.2 * known_fg), rel=0.1
    )

    still = bench.measured(
        "trimap", lambda p, _: {"trimap": classes(trimaps[0])} if p == "propagate" else {}
    )
    assert still.metrics["accuracy"] == still.baselines["first_accuracy"]
    assert still.metrics["miou"] == still.baselines["first_miou"]
    wrong = [float((trimap == trimaps[0]).mean()) for trimap in trimaps[1:]]
    assert still.metrics["accuracy"] == pytest.approx(np.mean(wrong))
    for name in ("mad", "unknown_mad", "unknown_mse", "unknown_sad"):
        assert still.metrics[name] == pytest.approx(still.baselines[f"first_{name}"])
    errors = [np.abs(trimaps[0] - plane(truth)) for truth in truths[1:]]
    assert still.baselines["first_mad"] == pytest.approx(1e3 * float(np.mean(errors)), rel=1e-4)
    shares = [error[t == 0.5].mean() for error, t in zip(errors, trimaps[1:], strict=True)]
    assert still.baselines["first_unknown_mad"] == pytest.approx(1e3 * float(np.mean(shares)))
    assert 0 < still.baselines["first_mad"] < still.baselines["first_unknown_mad"]
    # What is known has no share in the others: their trimap is right, and a half unknown.
    assert result.metrics["unknown_mad"] == pytest.approx(500)


@pytest.mark.parametrize(
    ("network", "count", "message"),
    [
        ("trimap", 1, "one frame is annotated and not counted; give 2 frames or more"),
        ("propagation", 2, "first and last frame are not counted; give 3 or more"),
        ("fusion", 2, "what is fused lies between two frames; give 3 or more"),
    ],
)
def test_a_clip_too_short_for_the_protocol_is_refused(
    bench: Bench, network: str, count: int, message: str
) -> None:
    truths = moving(network, count)
    path = bench.clip([in_red(truth) for truth in truths], truths, "masks")
    with pytest.raises(MediaError, match=f"^{path}: {message}$"):
        PROTOCOLS[network].prepare(path, None)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("matanyone", "marks no subject at the tier's size; begin where one is seen"),
        ("trimap", "its trimap at the tier's size has no foreground left; begin where more of"),
    ],
)
def test_a_clip_that_shows_nothing_at_first_is_refused(
    bench: Bench, network: str, message: str
) -> None:
    truths = [boxed(HW[network], 0, value=90)] * 3
    path = bench.clip([in_red(truth) for truth in truths], truths, "alpha")
    with pytest.raises(MediaError, match=f"^{path}/alpha/000.png: {message}"):
        bench.measured(network, Repeats())

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pocketmatte.runtimes import coreml_macos
from pocketmatte.runtimes.coreml_macos import CoreMlMacOsSession, from_feature, to_image
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.table import RUNTIMES
from tiers.contract import ProgramContract
from tiers.errors import BundleError, RuntimeUnavailableError


@pytest.mark.skipif(sys.platform == "darwin", reason="asks what happens without Core ML")
def test_core_ml_is_unavailable_off_macos_and_says_so(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    reason = RUNTIMES["coreml"].unavailable()
    assert reason == f"Core ML runs on macOS only; this is {sys.platform}"
    with pytest.raises(RuntimeUnavailableError, match="Core ML runs on macOS only"):
        RUNTIMES["coreml"].load(tmp_path, running_contract, threads=1)


def test_a_picture_of_8_bits_survives_the_way_to_core_ml_and_back(
    running_contract: ProgramContract,
) -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 16))
    levels = drawn.astype(np.float32) / np.float32(255)
    frame, *_ = running_contract.inputs
    image = to_image(levels)
    assert (image.mode, image.size) == ("RGB", (16, 8))
    np.testing.assert_array_equal(from_feature(frame, image), levels)


@pytest.mark.parametrize("mode", ["L", "F"])
def test_a_grey_image_of_core_ml_becomes_alpha(
    mode: str, running_contract: ProgramContract
) -> None:
    alpha, _ = running_contract.outputs
    image = Image.fromarray(np.full((8, 16), 51, dtype=np.uint8)).convert(mode)
    np.testing.assert_allclose(from_feature(alpha, image), np.full((1, 1, 8, 16), 0.2))


def test_padded_rows_of_core_ml_are_read_element_by_element(
    running_contract: ProgramContract,
) -> None:
    alpha, _ = running_contract.outputs
    padded = np.zeros((1, 1, 8, 32), dtype=np.float32)
    rows = padded[..., :16]
    rows[:] = np.arange(8 * 16).reshape(1, 1, 8, 16)
    assert not rows.flags.c_contiguous
    copied = from_feature(alpha, rows)
    assert copied.flags.c_contiguous
    np.testing.assert_array_equal(copied.ravel(), np.arange(8 * 16))


def test_a_core_ml_output_of_another_shape_is_refused(running_contract: ProgramContract) -> None:
    alpha, _ = running_contract.outputs
    with pytest.raises(BundleError, match=r"gave alpha as \(1, 1, 4, 4\); expected \(1, 1, 8, 16"):
        from_feature(alpha, np.zeros((1, 1, 4, 4), np.float32))


STORED = (1, 1, 8, 32)  # of the running mean, whose own width is 16
INPUTS: Mapping[str, FloatArray] = {
    "frame": np.full((1, 3, 8, 16), 0.5, dtype=np.float32),
    "r1": np.full((1, 1, 8, 16), 0.25, dtype=np.float32),
}


class States:
    """States as coremltools gives them."""

    def __init__(self) -> None:
        self.held: dict[str, FloatArray] = {"r1": np.full(STORED, np.nan, dtype=np.float16)}

    def write_state(self, name: str, value: FloatArray) -> None:
        self.held[name] = value

    def read_state(self, name: str) -> FloatArray:
        return self.held[name]


class Model:
    """A model as coremltools gives it: alpha is the state, to which a step adds a half.

    Args:
        description: Of the file.
        broken: The method that fails as coremltools' do, with a plain exception.
        padding: What a step leaves in the state's padding.
    """

    def __init__(self, description: Any, broken: str = "", padding: float = 0.0) -> None:
        self._description, self._broken, self._padding = description, broken, padding

    def get_spec(self) -> Any:
        return self._description

    def make_state(self) -> States:
        if self._broken == "make_state":
            msg = "State functionality is only supported on macOS 15+"
            raise Exception(msg)
        return States()

    def predict(
        self, features: Mapping[str, FloatArray], state: States | None = None
    ) -> dict[str, FloatArray]:
        if self._broken == "predict":
            msg = "Unable to load CoreML.framework.\nCannot make predictions."
            raise Exception(msg)
        if state is None:
            mean = features["r1"] + np.float32(0.5)
            return {"alpha": mean, "r1_next": mean}
        assert set(features) == {"frame"}
        stored = state.held["r1"] + np.float16(0.5)
        stored[..., 16:] = self._padding
        state.held["r1"] = stored
        return {"alpha": stored[..., :16].astype(np.float32)}


@pytest.fixture
def loaded(
    running_contract: ProgramContract, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CoreMlMacOsSession]:
    """Return a way to load the program in a Core ML that is none, its states inside or outside."""
    pytest.importorskip("coremltools")
    from coremltools.proto import Model_pb2

    def load(
        stored: tuple[int, ...] | None = STORED, broken: str = "", padding: float = 0.0
    ) -> CoreMlMacOsSession:
        spec = Model_pb2.Model()
        outer = {name for pair in running_contract.states for name in (pair.input, pair.output)}
        for declared, tensors in (
            (spec.description.input, running_contract.inputs),
            (spec.description.output, running_contract.outputs),
        ):
            for tensor in tensors:
                if stored is None or tensor.name not in outer:
                    feature = declared.add(name=tensor.name)
                    feature.type.multiArrayType.shape.extend(tensor.shape)
        if stored is not None:
            state = spec.description.state.add(name="r1")
            state.type.stateType.arrayType.shape.extend(stored)
        model = Model(spec, broken, padding)
        monkeypatch.setattr(coreml_macos, "_model", lambda *_: model)
        return CoreMlMacOsSession(Path("m.mlpackage"), running_contract, 1, "coreml", "ALL")

    return load


@pytest.mark.parametrize("stored", [STORED, None], ids=["inside", "outside"])
def test_states_go_in_and_come_out_wherever_the_file_keeps_them(
    loaded: Callable[..., CoreMlMacOsSession], stored: tuple[int, ...] | None
) -> None:
    session = loaded(stored)
    for _ in range(2):  # nothing is left of the run before
        outputs = session.run(INPUTS)
        assert set(outputs) == {"alpha", "r1_next"}
        for array in outputs.values():
            np.testing.assert_array_equal(array, np.full((1, 1, 8, 16), 0.75, np.float32))


@pytest.mark.parametrize(
    ("stored", "broken", "reason"),
    [
        (STORED, "make_state", "State functionality is only supported on macOS 15+"),
        (STORED, "predict", "Unable to load CoreML.framework."),
        (None, "predict", "Unable to load CoreML.framework."),
    ],
)
def test_what_coremltools_raises_while_running_is_a_refusal_in_one_line(
    loaded: Callable[..., CoreMlMacOsSession],
    stored: tuple[int, ...] | None,
    broken: str,
    reason: str,
) -> None:
    with pytest.raises(BundleError) as refused:
        loaded(stored, broken).run(INPUTS)
    assert str(refused.value) == f"Core ML cannot run m.mlpackage: {reason}"


@pytest.mark.parametrize("broken", ["write_state", "read_state"])
def test_a_state_that_cannot_be_written_or_read_is_a_refusal(
    loaded: Callable[..., CoreMlMacOsSession], broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        msg = "no such state"
        raise Exception(msg)

    monkeypatch.setattr(States, broken, fail)
    with pytest.raises(BundleError, match=r"cannot run m.mlpackage: no such state"):
        loaded().run(INPUTS)


def test_a_file_that_writes_into_the_padding_of_a_state_is_refused(
    loaded: Callable[..., CoreMlMacOsSession],
) -> None:
    with pytest.raises(BundleError, match=r"m.mlpackage writes into the padding of a state; build"):
        loaded(padding=0.5).run(INPUTS)


def test_a_file_whose_states_are_not_those_of_its_contract_is_refused(
    loaded: Callable[..., CoreMlMacOsSession],
) -> None:
    with pytest.raises(
        BundleError,
        match=r"its states are r1 \(1, 1, 8, 16\); expected r1 \(1, 1, 8, 32\)",
    ):
        loaded((1, 1, 8, 16))


def test_what_coremltools_raises_while_loading_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    coremltools = pytest.importorskip("coremltools")

    def fail(*_: object, **__: object) -> None:
        msg = "Error compiling model"
        raise Exception(msg)

    monkeypatch.setattr(coremltools.models, "MLModel", fail)
    with pytest.raises(BundleError, match=r"refuses .*: Error compiling model; build it again"):
        coreml_macos._model(tmp_path, "ALL")

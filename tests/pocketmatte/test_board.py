from collections.abc import Mapping

import numpy as np
import pytest

from pocketmatte.matting.board import Board, Tensors
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract_table import contracts
from tiers.errors import PocketMatteError, UsageError
from tiers.ladder import tier

SPEC = tier("rvm", "t01")
(MATTE,) = contracts(SPEC)
FRAME = np.zeros((1, 3, *SPEC.output_hw), dtype=np.float32)


def one_more(_: str, inputs: Mapping[str, FloatArray]) -> Tensors:
    """Answer with each state plus one, and zeros for pictures."""
    return {
        tensor.name: inputs[tensor.name.removesuffix("_next")] + 1
        if tensor.name.endswith("_next")
        else np.zeros(tensor.shape, dtype=np.float32)
        for tensor in MATTE.outputs
    }


def test_states_begin_at_their_reset_values_and_are_fed_back() -> None:
    board = Board(SPEC, one_more)
    shapes = {name: tensor.shape for name, tensor in MATTE.state_inputs.items()}
    assert {name: board[name].shape for name in shapes} == shapes
    assert not any(board[name].any() for name in shapes)
    board.put(frame=FRAME)
    for count in (1, 2, 3):
        outputs = board.call("matte")
        assert (outputs["r1_next"] == count).all()
        assert (board["r1"] == count).all()


def test_what_a_program_gives_lies_on_the_board() -> None:
    board = Board(SPEC, one_more)
    board.put(frame=FRAME)
    outputs = board.call("matte")
    assert board["alpha"] is outputs["alpha"]


def test_a_reset_forgets_states_and_frames() -> None:
    board = Board(SPEC, one_more)
    board.put(frame=FRAME)
    board.call("matte")
    board.reset()
    assert not board["r1"].any()
    with pytest.raises(ValueError, match=r"^matte needs frame, which nothing gave yet$"):
        board.call("matte")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME[..., 1:], r"^frame is \(1, 3, 288, 511\); the tier takes \(1, 3, 288, 512\)$"),
        (FRAME + np.float32(np.nan), "^frame holds NaN or infinity; give finite values$"),
        (FRAME + np.float32(255), r"^frame ranges over 255\.\.255; it lies in 0\.\.1$"),
    ],
)
def test_what_no_program_takes_is_refused_and_not_kept(frame: FloatArray, message: str) -> None:
    board = Board(SPEC, one_more)
    with pytest.raises(UsageError, match=message):
        board.put(frame=frame)
    with pytest.raises(ValueError, match=r"^matte needs frame, which nothing gave yet$"):
        board.call("matte")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["alpha", "r3_next"])
def test_what_a_program_gives_is_finite_or_no_frame_is_blamed(name: str, value: float) -> None:
    spoiled = False

    def run(program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        outputs = one_more(program, inputs)
        if spoiled:
            outputs[name][..., -1, -1] = value
        return outputs

    board = Board(SPEC, run)
    for _ in range(2):
        board.put(frame=FRAME)
        board.call("matte")
    board.put(frame=FRAME)
    spoiled = True
    with pytest.raises(
        PocketMatteError, match=f"^matte gives NaN or infinity in {name} at frame 2; take other"
    ) as caught:
        board.call("matte")
    assert not isinstance(caught.value, UsageError)
    assert (board["r1"] == 2).all()


def test_the_largest_values_are_finite() -> None:
    def run(program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        outputs = one_more(program, inputs)
        outputs["foreground"] += np.finfo(np.float32).max  # their sum is none
        return outputs

    board = Board(SPEC, run)
    board.put(frame=FRAME)
    assert board.call("matte")["foreground"].max() == np.finfo(np.float32).max

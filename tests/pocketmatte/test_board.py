from collections.abc import Mapping

import numpy as np
import pytest

from pocketmatte.matting.board import Board, Tensors
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract_table import contracts
from tiers.errors import UsageError
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

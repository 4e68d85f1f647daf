from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest

from pocketmatte.lockstep import Player, in_lockstep
from pocketmatte.matting.board import Run, Tensors
from pocketmatte.runtimes.protocol import FloatArray


def added(amount: float) -> Run:
    def run(_: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        return {"y": inputs["x"] + np.float32(amount)}

    return run


def play(programs: list[list[str]]) -> Callable[[Run], Iterator[object]]:
    """Return a network that calls ``programs[t]`` in frame t, each on what the last one gave."""

    def frames(run: Run) -> Iterator[object]:
        x = np.zeros((1,), dtype=np.float32)
        for names in programs:
            for name in names:
                x = run(name, {"x": x})["y"]
            yield x

    return frames


def test_players_go_frame_by_frame_each_with_its_own_tensors() -> None:
    network = play([["a", "b"], ["a"]])
    found = list(in_lockstep([Player(added(1), network), Player(added(10), network)]))
    assert [[row[0].program for row in rows] for rows in found] == [["a", "b"], ["a"]]
    seen = [[[float(call.inputs["x"][0]) for call in row] for row in rows] for rows in found]
    assert seen == [[[0, 0], [1, 10]], [[2, 20]]]
    assert [float(call.outputs["y"][0]) for call in found[1][0]] == [3, 30]


def test_a_frame_without_a_call_is_a_frame() -> None:
    network = play([["a"], [], ["a"]])
    assert [len(rows) for rows in in_lockstep([Player(added(1), network)])] == [1, 0, 1]


def test_players_that_part_ways_are_refused() -> None:
    players = [Player(added(1), play([["a"]])), Player(added(1), play([["b"]]))]
    with pytest.raises(ValueError, match=r"^one frame, different programs: a, b$"):
        list(in_lockstep(players))


def test_players_that_call_more_often_than_others_are_refused() -> None:
    players = [Player(added(1), play([["a"]])), Player(added(1), play([["a", "a"]]))]
    with pytest.raises(ValueError, match="argument 2 is longer"):
        list(in_lockstep(players))


def test_a_player_that_ends_early_is_refused() -> None:
    players = [Player(added(1), play([["a"], ["a"]])), Player(added(1), play([["a"]]))]
    with pytest.raises(ValueError, match="1 of 2 players ended before the others"):
        list(in_lockstep(players))

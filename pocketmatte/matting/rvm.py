"""Robust video matting, frame after frame."""

from collections.abc import Iterator

from pocketmatte.matting.board import Board, Run, Scene, Tensors
from tiers.spec import TierSpec


def rollout(spec: TierSpec, run: Run, scene: Scene) -> Iterator[Tensors]:
    """Matte every frame from the states of the frame before; masks are not looked at."""
    board = Board(spec, run)
    for moment in scene:
        board.put(frame=moment.frame)
        outputs = board.call("matte")
        yield {name: outputs[name] for name in ("foreground", "alpha")}

"""A tier of this repository's own networks as a teacher."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from export.artifact import sha256_of
from pocketmatte.lockstep import run_of
from pocketmatte.matte import orientation_of
from pocketmatte.matting.board import Board, Run
from pocketmatte.pictures import UInt8Array
from pocketmatte.protocols.resizing import frame_of, resized
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from tiers.contract_table import contracts
from tiers.errors import CheckpointError, UsageError
from tiers.ladder import tier
from tiers.networks import programs
from tiers.spec import Orientation
from tiers.weights import load, network_of, shipped, shipped_path

# The networks that take a frame and nothing else: their program, and what it gives.
_MATTES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"foreground": ("segment", "mask"), "rvm": ("matte", "alpha")}
)


class OwnTeacher:
    """``foreground`` or ``rvm`` in PyTorch on the CPU; see ``labels.Teacher``.

    ``rvm`` goes through a clip frame after frame, with its states.

    Args:
        network: Name of the network.
        tier_name: Of the tier.
        weights: A weight file, or ``None`` for the shipped ones.
        threads: Of PyTorch.

    Raises:
        UsageError: If there is no such network or tier, or it takes more than a frame.
        CheckpointError: If the weights are corrupt or do not fit, or there are none.
    """

    def __init__(self, network: str, tier_name: str, weights: Path | None, threads: int) -> None:
        if network not in _MATTES:
            msg = f"{network!r} is no teacher; those of our own are {', '.join(_MATTES)}"
            raise UsageError(msg)
        self._spec = tier(network, tier_name)
        self._program, self._output = _MATTES[network]
        held = shipped(self._spec) if weights is None else load(weights, network)
        if held is None:
            own = f"{network}:{tier_name}"
            msg = f"no trained weights of {own} are shipped; give {own}=FILE"
            raise CheckpointError(msg)
        self._weights, self._threads = held, threads
        self._file = weights or shipped_path(network)
        self._sha256 = sha256_of(self._file)
        self._runs: dict[Orientation, Run] = {}
        self._run(self._spec.orientation)  # weights that do not fit are refused at once

    @property
    def facts(self) -> Mapping[str, object]:
        """What ``labels.json`` says of it."""
        return {
            "name": f"{self._spec.network}:{self._spec.name}",
            "weights": self._file.name,
            "sha256": self._sha256,
        }

    def begin(self, size_hw: tuple[int, int]) -> Callable[[UInt8Array], FloatArray]:
        """Return what labels the frames of a clip, in order."""
        spec = self._spec.oriented(orientation_of(size_hw))
        board = Board(spec, self._run(spec.orientation))

        def label(picture: UInt8Array) -> FloatArray:
            values = picture.astype(np.float32) / np.float32(255)
            board.put(frame=frame_of(values, spec.output_hw))
            return resized(board.call(self._program)[self._output][0, 0], size_hw)

        return label

    def _run(self, orientation: Orientation) -> Run:
        if orientation not in self._runs:
            spec = self._spec.oriented(orientation)
            own = programs(network_of(spec, self._weights), spec)
            self._runs[orientation] = run_of(
                {
                    each.name: TorchSession(own[each.name], each, self._threads)
                    for each in contracts(spec)
                }
            )
        return self._runs[orientation]

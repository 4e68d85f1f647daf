"""Matte a moving picture with one tier: alpha, foreground and composite."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.media import FrameSource, PictureSource
from pocketmatte.media_write import VideoWriter
from pocketmatte.pictures import UInt8Array, write_image
from pocketmatte.runtimes.checks import require_finite
from pocketmatte.runtimes.protocol import Session
from pocketmatte.stepping import first_states, next_states
from tiers.contract_table import contracts
from tiers.spec import Orientation, TierSpec

OUTPUTS = ("alpha", "foreground", "composite")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Matted:
    """What was written.

    Attributes:
        frames: Frames matted.
        size_hw: Of every output, that of the source.
        files: Output name -> file.
        mean_alpha: Mean of alpha over all frames, in 0..1.
        truncated: Whether the source was damaged and only its start could be read.
    """

    frames: int
    size_hw: tuple[int, int]
    files: dict[str, Path]
    mean_alpha: float
    truncated: bool


def orientation_of(size_hw: tuple[int, int]) -> Orientation:
    """Return the orientation of a tier for frames of that size."""
    return "portrait" if size_hw[0] > size_hw[1] else "landscape"


def matte(
    source: FrameSource,
    session: Session,
    spec: TierSpec,
    out: Path,
    *,
    background: tuple[float, float, float],
    on_frame: Callable[[], None] = lambda: None,
) -> Matted:
    """Matte every frame of ``source`` and write ``alpha``, ``foreground`` and ``composite``.

    A frame is stretched to the tier's size and the matte back to the frame's, bilinearly. The
    foreground keeps the source's detail: what is upsampled is its difference from the frame.

    Args:
        source: Frames of one size.
        session: The tier's program in any runtime.
        spec: The tier, oriented as the source is.
        out: Folder for the files: MP4 for a video or a folder of pictures, PNG for one picture.
        background: RGB in 0..1, behind the composite.
        on_frame: Called after each frame.

    Raises:
        MediaError: If the source cannot be read or the disk refuses.
        PocketMatteError: If the tier gives a value that is not finite.
    """
    out.mkdir(parents=True, exist_ok=True)
    still = isinstance(source, PictureSource) and source.count == 1
    files = {name: out / f"{name}{'.png' if still else '.mp4'}" for name in OUTPUTS}
    frames, total = 0, 0.0
    with contextlib.ExitStack() as stack:
        writers = {} if still else {
            name: stack.enter_context(VideoWriter(path, source.size_hw, source.rate))
            for name, path in files.items()
        }  # fmt: skip
        for pictures, mean in _matted(source, session, spec, background):
            for name, picture in pictures.items():
                if still:
                    write_image(files[name], picture)
                else:
                    writers[name].write(picture)
            frames, total = frames + 1, total + mean
            on_frame()
    return Matted(
        frames=frames,
        size_hw=source.size_hw,
        files=files,
        mean_alpha=total / frames,
        truncated=source.truncated,
    )


def _matted(
    source: FrameSource,
    session: Session,
    spec: TierSpec,
    background: tuple[float, float, float],
) -> Iterator[tuple[dict[str, UInt8Array], float]]:
    (contract,) = contracts(spec)
    states = first_states(contract)
    behind = torch.tensor(background).view(1, 3, 1, 1)
    for number, picture in enumerate(source):
        # astype: a picture is read-only, which PyTorch does not take
        frame = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None] / 255
        given = _resized(frame, spec.output_hw)
        outputs = session.run({"frame": given.numpy(), **states})
        require_finite(contract.name, outputs, number)
        states = next_states(contract, outputs)
        residual = torch.from_numpy(outputs["foreground"]) - given
        alpha = _resized(torch.from_numpy(outputs["alpha"]), source.size_hw)
        foreground = (frame + _resized(residual, source.size_hw)).clamp(0, 1)
        composite = foreground * alpha + behind * (1 - alpha)
        pictures = {
            "alpha": _bytes(alpha.expand(-1, 3, -1, -1)),
            "foreground": _bytes(foreground * (alpha > 0)),
            "composite": _bytes(composite),
        }
        yield pictures, float(alpha.mean())


def _resized(x: Tensor, size_hw: tuple[int, int]) -> Tensor:
    if tuple(x.shape[2:]) == size_hw:
        return x.contiguous()
    shrinks = size_hw[0] < x.shape[2] or size_hw[1] < x.shape[3]
    resized = functional.interpolate(
        x, size_hw, mode="bilinear", align_corners=False, antialias=shrinks
    )
    return resized.clamp(-1, 1).contiguous()


def _bytes(x: Tensor) -> UInt8Array:
    picture = (x[0].permute(1, 2, 0) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(picture.numpy())

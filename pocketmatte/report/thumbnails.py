"""What each tier makes of the standard picture, as small pictures inside the page."""

import base64
import dataclasses
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from export.manifest import Artifact, Manifest
from export.recipe import RECIPES
from pocketmatte.bundle import weights_entry
from pocketmatte.groups import open_group, runnable, same_tier
from pocketmatte.host import nameless
from pocketmatte.lockstep import run_of
from pocketmatte.matting import ROLLOUTS
from pocketmatte.matting.board import Moment, Run, Tensors
from pocketmatte.protocols.opening import bundle_tier
from pocketmatte.report.cells import Place, Row
from pocketmatte.report.words import FORMATS
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.scene import standard_scene
from tiers.contract_table import judged_of
from tiers.errors import PocketMatteError
from tiers.ladder import tier as tier_of
from tiers.spec import TierSpec

_SCENE_FRAMES = 12  # of one lap, whose last frame equals its first
_SHOWN = 6  # frames played; the last of them is shown, half way round, farthest from the first
_SIDE = 240  # pixels of the longer side
_QUALITY = 78
# behind the composite: far from skin, hair and the orange of the suit
_BEHIND = np.array([0.18, 0.62, 0.58], dtype=np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Thumbnail:
    """Pictures of one tier, or why there are none.

    Attributes:
        frame, outline, alpha, composite: Data URIs; empty where there is no picture.
        size_hw: Of each, in pixels.
        maker: Format and recipe that made them, as people read it.
        difference: Mean absolute difference of alpha to the outline traced by hand, in 0..1.
        fault: Why there are none, one line.
    """

    frame: str = ""
    outline: str = ""
    alpha: str = ""
    composite: str = ""
    size_hw: tuple[int, int] = (0, 0)
    maker: str = ""
    difference: float | None = None
    fault: str = ""

    @property
    def size_bytes(self) -> int:
        """What it adds to the page."""
        return sum(map(len, (self.frame, self.outline, self.alpha, self.composite)))


def thumbnails(
    root: Path,
    manifest: Manifest,
    rows: Sequence[Row],
    on_tier: Callable[[str], None] = lambda _: None,
) -> dict[Place, Thumbnail]:
    """Play every tier over the first frames of the standard scene and picture the last of them.

    The files that ship are played where this machine runs them, single precision before others;
    PyTorch stands in where it runs none, and its pictures say so.

    Args:
        root: The bundle.
        manifest: Its manifest.
        rows: Its tiers.
        on_tier: Called with its name after each tier.
    """
    found = {}
    for row in rows:
        try:
            found[row.place] = _thumbnail(root, manifest, row)
        except PocketMatteError as error:
            found[row.place] = Thumbnail(fault=_told(error, root))
        on_tier(f"{row.network} {row.name}")
    return found


def _told(error: PocketMatteError, root: Path) -> str:
    """Return a reason that names no folder of this machine: the page goes to others."""
    return nameless(str(error), root).replace(str(root), root.name or "the bundle")


def _thumbnail(root: Path, manifest: Manifest, row: Row) -> Thumbnail:
    spec = tier_of(row.network, row.tier)
    spec = spec.oriented("portrait" if row.orientation == "portrait" else "landscape")
    if (best := _best(row)) is None:
        return _by_torch(root, manifest, row, spec)
    form, recipe = best
    with bundle_tier(spec, bundle=root, form=form, recipe=recipe, threads=1) as opened:
        return _pictured(spec, opened.run, f"{FORMATS.get(form, form)} {recipe}")


def _best(row: Row) -> tuple[str, str] | None:
    """Return a format and recipe that this machine runs, all programs of which did not fail."""
    recipes = list(RECIPES)
    able = [
        column
        for column, cell in row.cells.items()
        if not cell.missing
        and cell.status != "failed"
        and column[1] in RECIPES
        and column[0] in {"onnx", "executorch"}
        and runnable(cell.files[0]) is None
    ]
    return min(
        able, key=lambda column: (recipes.index(column[1]), column[0] != "onnx"), default=None
    )


def _by_torch(root: Path, manifest: Manifest, row: Row, spec: TierSpec) -> Thumbnail:
    entries: list[Artifact] = [entry for cell in row.cells.values() for entry in cell.files]
    same = next(same_tier(entries))
    if weights_entry(root, manifest, same[0]).path is None:
        return Thumbnail(fault="of untrained weights, whose pictures say nothing")
    group = open_group(root, manifest, same, threads=1)
    return _pictured(spec, run_of(group.reference), FORMATS["torch"])


def _pictured(spec: TierSpec, run: Run, maker: str) -> Thumbnail:
    moment, outputs = _played(spec, run)
    alpha = _alpha(outputs[judged_of(spec)])
    if not np.isfinite(alpha).all():
        return Thumbnail(fault=f"{maker} gives NaN or infinity")
    frame = moment.frame[0]
    front = outputs["foreground"][0] if "foreground" in outputs else frame
    composite = front * alpha + _BEHIND[:, None, None] * (1 - alpha)
    pictures = {
        name: _small(planes)
        for name, planes in (
            ("frame", frame),
            ("outline", moment.mask[0]),
            ("alpha", alpha[None]),
            ("composite", composite),
        )
    }
    return Thumbnail(
        frame=_uri(pictures["frame"]),
        outline=_uri(pictures["outline"]),
        alpha=_uri(pictures["alpha"]),
        composite=_uri(pictures["composite"]),
        size_hw=(pictures["alpha"].height, pictures["alpha"].width),
        maker=maker,
        difference=float(np.abs(alpha - moment.mask[0, 0]).mean()),
    )


def _played(spec: TierSpec, run: Run) -> tuple[Moment, Tensors]:
    """Return the last moment that is played, and what the network gives there."""
    played: list[Moment] = []

    def seen() -> Iterator[Moment]:
        for moment in itertools.islice(standard_scene(spec, _SCENE_FRAMES), _SHOWN):
            played.append(moment)
            yield moment

    given: Tensors = {}
    for outputs in ROLLOUTS[spec.network](spec, run, seen()):
        given = dict(outputs)
    return played[-1], given


def _alpha(judged: FloatArray) -> FloatArray:
    """Return one map ``(H, W)`` of ``(K, 1, H, W)`` objects or of a trimap's three classes."""
    if judged.shape[:2] == (1, 3):
        _, unknown, foreground = judged[0]
        mixed: FloatArray = (foreground + unknown / 2).clip(0, 1)
        return mixed
    together: FloatArray = judged.sum(axis=(0, 1)).clip(0, 1)
    return together


def _small(planes: npt.NDArray[np.float32]) -> Image.Image:
    """Return a picture of planes ``(1 or 3, H, W)`` in 0..1."""
    whole = (planes.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    picture = Image.fromarray(whole[..., 0] if whole.shape[2] == 1 else whole)
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    return picture


def _uri(picture: Image.Image) -> str:
    held = io.BytesIO()
    picture.save(held, "WEBP", quality=_QUALITY, method=6)
    return f"data:image/webp;base64,{base64.b64encode(held.getvalue()).decode('ascii')}"


def within(
    thumbnails_of: Mapping[Place, Thumbnail], most_bytes: int
) -> tuple[dict[Place, Thumbnail], int]:
    """Return the pictures that fit, in their order, and the number of those left out."""
    kept: dict[Place, Thumbnail] = {}
    room, left_out = most_bytes, 0
    for place, each in thumbnails_of.items():
        if each.size_bytes <= room:
            kept[place] = each
            room -= each.size_bytes
        else:
            left_out += 1
            kept[place] = Thumbnail(fault="left out: the page would be too large")
    return kept, left_out

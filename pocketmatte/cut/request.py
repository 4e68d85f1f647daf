"""What a run is asked for, and the checks that need no network and no frame."""

import dataclasses
from pathlib import Path

from pocketmatte.cut.kinds import Kind, kind_of
from pocketmatte.cut.methods import AlphaOf, FusionBy, Method
from pocketmatte.cut.networks import Chosen
from pocketmatte.cut.rounds import Round
from tiers.errors import UsageError

GREEN = "00b140"  # what is laid behind where a kind has no alpha and nothing else is asked for


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """A run.

    Attributes:
        source: Video, picture, or folder of pictures.
        out: Output; its suffix says of what kind.
        method: How alpha is found.
        rounds: What the user gives; none for ``rvm``.
        chosen: What runs the networks.
        alpha_of: Of ``propagate``: alpha of the trimap networks, or the propagated mask itself.
        fusion: Of ``propagate``: how the masks of two rounds meet.
        background: See ``backgrounds``; ``None`` for what the kind has.
        frame_fusion: Whether masks are fused from frame to frame.
        smooth: Whether flicker of one frame is taken out.
        memory_every: Frames from one that is memorised to the next.
        resume: Go on with an unfinished run.
    """

    source: Path
    out: Path
    method: Method
    rounds: tuple[Round, ...]
    chosen: Chosen
    alpha_of: AlphaOf = "stfam"
    fusion: FusionBy = "network"
    background: str | None = None
    frame_fusion: bool = True
    smooth: bool = True
    memory_every: int = 5
    resume: bool = False

    def __post_init__(self) -> None:
        """Refuse what does not go together.

        Raises:
            UsageError: With what to change.
        """
        if self.method == "rvm" and self.rounds:
            msg = "--method rvm takes no mask, strokes or auto; leave them out, or choose another"
            raise UsageError(msg)
        if self.method != "rvm" and not self.rounds:
            msg = f"--method {self.method} needs a subject: give --mask, --rounds or --auto"
            raise UsageError(msg)
        frames = sorted({each.frame for each in self.rounds})
        if self.method == "matanyone" and len(frames) > 1:
            told = ", ".join(map(str, frames))
            msg = f"--method matanyone starts from one frame, not {told}; choose propagate"
            raise UsageError(msg)
        idle = sorted({*self.chosen.tiers, *self.chosen.weights} - set(self.networks))
        if idle:
            msg = f"{', '.join(idle)} is not run here; this run has {', '.join(self.networks)}"
            raise UsageError(msg)
        self._require_room()

    @property
    def kind(self) -> Kind:
        """Of the output."""
        return kind_of(self.out)

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks that are run."""
        if self.method == "rvm":
            return ("rvm",)
        seen: set[int] = set()
        auto = strokes = False
        for each in self.rounds:
            strokes |= bool(each.strokes)
            found = not each.strokes or (not seen and not each.fresh)
            auto |= each.mask is None and found
            seen.add(each.frame)
        chosen = ["foreground"] * auto + ["scribble"] * strokes
        if self.method == "matanyone":
            return (*chosen, "matanyone")
        fused = self.fusion == "network" and len(self.propagated) > 1
        matted = ["trimap", "stfam"] * (self.alpha_of == "stfam")
        return (*chosen, "propagation", *(["fusion"] * fused), *matted)

    @property
    def propagated(self) -> tuple[int, ...]:
        """Rounds that are propagated, by number: of those in a row at one frame, the last."""
        last = len(self.rounds) - 1
        return tuple(
            index
            for index, each in enumerate(self.rounds)
            if index == last or self.rounds[index + 1].frame != each.frame
        )

    def _require_room(self) -> None:
        out, kind = self.out, self.kind
        if out.is_dir():
            if kind.container is not None:
                msg = f"--out {out} is a folder; give the name of a file"
                raise UsageError(msg)
            if any(out.iterdir()):
                msg = f"--out {out} holds files, which would be lost; choose an empty or new folder"
                raise UsageError(msg)
        elif out.exists() and kind.container is None:
            msg = f"--out {out} is a file without a suffix; choose another name for the folder"
            raise UsageError(msg)
        if not out.name:
            msg = f"--out {out} has no name; give that of a file or of a new folder"
            raise UsageError(msg)
        given = [self.source, *(each.mask for each in self.rounds if each.mask is not None)]
        if self.background is not None:
            given.append(Path(self.background))
        target = out.resolve()
        for path in given:
            if path.resolve() == target or (path.is_dir() and path.resolve() in target.parents):
                msg = f"--out {out} is or lies in {path}, which is read; choose another place"
                raise UsageError(msg)
        if kind.pixels_with_alpha is None and self.background == "none":
            msg = f"{out.suffix} has no alpha; give a --background, or .webm, .mov or a folder"
            raise UsageError(msg)

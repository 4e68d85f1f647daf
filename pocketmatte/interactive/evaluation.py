"""Measure ``cut`` with a scripted user on clips with masks, and sum up what the rounds reached."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from pocketmatte.cut.networks import Networks
from pocketmatte.interactive.curve import (
    JF_AT_SECONDS,
    Curve,
    curve_of,
    extended,
    mean_over_rounds,
)
from pocketmatte.interactive.following import CutFollower, Setting
from pocketmatte.interactive.session import RoundPlayed, Rules, play
from pocketmatte.matte import orientation_of
from pocketmatte.media import PictureSource
from pocketmatte.protocols.data import LabelledClip, open_labelled
from pocketmatte.protocols.protocol import OpenTier
from tiers.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ClipPlayed:
    """What the rounds on one clip reached.

    Attributes:
        path: The clip's folder.
        frames: That J&F is the mean of.
        size_hw: At which masks were compared, in pixels.
        objects: Number of objects that were followed.
        rounds: Those that took place.
        rules: How the user behaved.
        networks: What ran.
    """

    path: Path
    frames: int
    size_hw: tuple[int, int]
    objects: int
    rounds: tuple[RoundPlayed, ...]
    rules: Rules
    networks: dict[str, object]

    def curve(self, *, measured: bool = False) -> Curve:
        """Return J&F over time: as measured, or at ``Rules.seconds_a_frame``."""
        rate = self.rules.seconds_a_frame
        return curve_of(
            [each.seconds if measured else each.followed * rate for each in self.rounds],
            [each.jf for each in self.rounds],
            objects=self.objects,
            rounds=self.rules.rounds,
        )

    @property
    def by_round(self) -> list[float]:
        """J&F behind every round; those that did not take place keep what was reached."""
        return extended([each.jf for each in self.rounds], self.rules.rounds)

    @property
    def metrics(self) -> dict[str, float]:
        """What clips are compared by."""
        given, measured = self.curve(), self.curve(measured=True)
        return {
            **{f"jf_{number}": value for number, value in enumerate(self.by_round, start=1)},
            "j": self.rounds[-1].j,
            "f": self.rounds[-1].f,
            "mean_over_rounds": mean_over_rounds(
                [each.jf for each in self.rounds], self.rules.rounds
            ),
            "auc": given.area,
            "jf_at_60": given.at(JF_AT_SECONDS),
            "measured_auc": measured.area,
            "measured_jf_at_60": measured.at(JF_AT_SECONDS),
            "measured_seconds": sum(each.seconds for each in self.rounds),
        }

    @property
    def told(self) -> dict[str, object]:
        """What is written of it as JSON."""
        return {
            "clip": self.path.name,
            "path": str(self.path),
            "frames": self.frames,
            "size_hw": self.size_hw,
            "objects": self.objects,
            "budget_seconds": self.curve().budget_seconds,
            "rounds": [{**dataclasses.asdict(each), "jf": each.jf} for each in self.rounds],
            "metrics": self.metrics,
        }


def prepare(folders: Sequence[Path], limit: int | None, rules: Rules) -> list[LabelledClip]:
    """Open all clips before any is measured, so that a bad one costs no time.

    Args:
        folders: Of ``frames/`` and ``masks/`` or ``alpha/``.
        limit: Take at most so many frames of each; ``None`` takes all.
        rules: Whose first frame every clip must have.

    Raises:
        MediaError: If a folder is no such clip.
        UsageError: If a clip has no such frame.
    """
    clips = [open_labelled(folder, limit) for folder in folders]
    for clip in clips:
        if rules.first_frame >= len(clip):
            msg = (
                f"{clip.clip.path}: frame {rules.first_frame} is no frame of it; it has 0 to "
                f"{len(clip) - 1}"
            )
            raise UsageError(msg)
    return clips


def play_clip(
    clip: LabelledClip,
    setting: Setting,
    rules: Rules,
    opened: Callable[[OpenTier], OpenTier] = lambda tier: tier,
) -> ClipPlayed:
    """Let the scripted user work on one clip.

    Args:
        clip: Frames and masks.
        setting: How ``cut`` is run.
        rules: How the user behaves.
        opened: What becomes of every network that was opened, before it runs.

    Raises:
        PocketMatteError: If a network, the clip or the disk will not do.
    """
    source = PictureSource(
        path=clip.clip.path, size_hw=clip.clip.size_hw, pictures=clip.clip.frames
    )
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        networks = Networks(setting.chosen, orientation_of(source.size_hw), stack, opened)
        follower = CutFollower(source, len(clip.values), setting, networks, folder)
        rounds = play(clip.truths, follower, rules)
        return ClipPlayed(
            path=clip.clip.path,
            frames=len(clip),
            size_hw=source.size_hw,
            objects=len(clip.values),
            rounds=rounds,
            rules=rules,
            networks=networks.facts,
        )


def mean_of(played: Sequence[ClipPlayed]) -> dict[str, float]:
    """Return the means of all metrics; a clip counts as often as it has objects.

    Raises:
        ValueError: If there is no clip.
    """
    if not played:
        msg = "no clip was measured; a mean needs at least one"
        raise ValueError(msg)
    total = sum(each.objects for each in played)
    every = [(each.metrics, each.objects) for each in played]
    return {
        name: sum(metrics[name] * count for metrics, count in every) / total for name in every[0][0]
    }

"""Training ``matanyone``: the masks of a clip's first frame, and the mattes of all.

Yang, Zhou, Zhao, Tao, Loy, "MatAnyone: Stable Video Matting with Consistent Memory Propagation",
CVPR 2025. A clip is played as an app plays it: the first frame is matted some times over, its last
matte stays in the bank, some later frames join it. Mattes are learnt by L1, Laplacian pyramid and
temporal coherence; clips of which masks alone are known by core supervision with scaled DDC; the
predicted change by where alpha did change. The head for segmentation that the official network has
beside the matte's, in training alone, is left out: masks train the matte itself.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from pocketmatte.training.detail_losses import change_loss, core_supervision
from pocketmatte.training.folder_videos import FolderVideos
from pocketmatte.training.library import INDEX_NAME
from pocketmatte.training.losses import alpha_loss
from pocketmatte.training.made import Compositions, moving_things
from pocketmatte.training.mixtures import Mixture
from pocketmatte.training.simulated_masks import perturbed_mask
from pocketmatte.training.stages import Stage
from pocketmatte.training.task import Tensors
from pocketmatte.training.tasks.matanyone_roll import Roll
from pocketmatte.training.tasks.stfam import SLOWER, Excerpts
from pocketmatte.training.video import Video, VideoSource
from tiers.networks.matanyone_mobile import MobileMatAnyone
from tiers.rows.matanyone import OBJECTS, MatAnyoneShape
from tiers.spec import TierSpec

_PEOPLE_SHARE = 0.5  # of the self-made clips: one person
_OWN_SHARE = 0.5  # of all clips, where there are the user's own
_ALONE_SHARE = 0.25  # of the clips of two, in which one is not asked for
_FAULTY_SHARE = 0.3  # of the masks, which are perturbed
_FAULTY_IOU = (0.75, 0.97)
_LEAST_AREA = 64  # of a mask that is perturbed, in pixels
_CHANGE_WEIGHT = 0.25
_BORDER = 1 / 32  # half the width of what a hard mask does not tell, of a picture's height


class MatAnyoneTask:
    """See ``Task``."""

    network = "matanyone"
    recipes: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
        {
            "small": (
                Stage(
                    name="short", steps=1500, size_hw=(96, 160), length=3, batch=3,
                    learning_rate=(1.5e-3, 5e-4), distillation=0.25,
                ),
                Stage(
                    name="long", steps=500, size_hw=(144, 256), length=4, batch=2,
                    learning_rate=(5e-4, 2e-5), distillation=0.5,
                ),
            ),
            # Steps, batch, sizes and frames are published, and the rates of the first and the last
            # stage; that masks are learnt from in every stage, and the rest, is ours.
            "paper": (
                Stage(
                    name="short", steps=80_000, size_hw=(384, 384), length=3, batch=16,
                    learning_rate=(1e-4, 1e-4), distillation=0.25, random_rows=2,
                ),
                Stage(
                    name="long", steps=40_000, size_hw=(480, 480), length=8, batch=16,
                    learning_rate=(1e-4, 1e-5), distillation=0.5, random_rows=2,
                ),
                Stage(
                    name="stills", steps=20_000, size_hw=(480, 480), length=1, batch=16,
                    learning_rate=(1e-5, 1e-5), distillation=0.5, random_rows=2,
                ),
            ),
        }
    )  # fmt: skip

    def form(self, spec: TierSpec) -> nn.Module:
        """Return a row's ``MatAnyoneForm``.

        Raises:
            ValueError: If it is the official row.
        """
        shape = spec.shaped(MatAnyoneShape)
        if shape.official:
            msg = f"{spec.network} {spec.name} is the official network, which is not trained here"
            raise ValueError(msg)
        return MatAnyoneForm(MobileMatAnyone(shape), shape.slots)

    def is_head(self, name: str) -> bool:
        """Name the convolutions of alpha and of the change."""
        return name in {"network.alpha", "network.change.out"}

    def source(self, stage: Stage, data: Path | None, seed: int) -> VideoSource:
        """Return things that hide one another, people, and the user's own clips.

        ``data`` may be what ``pocketmatte.training.prepare`` made, hold folders of clips with
        ``alpha/`` or ``masks/``, or be both.
        """
        clips = data is not None and (data / "frames").is_dir() or bool(data and any(data.glob("*/frames")))
        longer = dataclasses.replace(stage, length=SLOWER * stage.length)
        ...

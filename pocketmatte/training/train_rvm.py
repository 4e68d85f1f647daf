"""Train the elastic ``rvm``: ``python -m pocketmatte.training.train_rvm --help``.

Every step trains the full network or one narrower tier; in the later stages the narrower one also
learns from the full one's alpha on the same clips (in-place distillation, Yu and Huang, ICCV
2019). Training can be
stopped at any time and goes on from the last saved step.
"""

import argparse
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pocketmatte.training.compositions import ClipComposer, Composition
from pocketmatte.training.elastic import ElasticRvm
from pocketmatte.training.losses import alpha_loss, foreground_loss, segmentation_loss
from pocketmatte.training.stages import STAGES, Stage
from tiers.checkpoint import write_safetensors
from tiers.weights import ELASTIC_FORMAT

_CLIP_NORM = 1.0
_SAVE_EVERY = 100
_CALIBRATION_CLIPS = 24
_FULL_SHARE = 1 / 3  # of the steps; the narrow tiers share the rest evenly


class _Clips(Dataset[Composition]):
    """Compositions by index, the same for the same seed."""

    def __init__(self, composer: ClipComposer, first: int, count: int) -> None:
        self.composer, self.first, self.count = composer, first, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Composition:
        return self.composer.clip(self.first + index)


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, help="folder that pocketmatte.training.prepare made")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    run = Run(arguments.out, arguments.seed)
    first = 0
    for name, stage in STAGES.items():
        if run.step < first + stage.steps:
            run.train(name, stage, first, arguments.cache, arguments.workers)
        first += stage.steps
    run.finish(arguments.cache)


class Run:
    """The state of a training run and the folder it is saved in."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed, self.step = folder, seed, 0
        self.elastic = ElasticRvm()
        named = dict(self.elastic.trainable())
        self.optimiser = torch.optim.AdamW(named.values(), lr=1e-3, weight_decay=1e-4)
        self._file = folder / "last.pt"
        if self._file.is_file():
            saved = torch.load(self._file, map_location="cpu", weights_only=True)
            self.elastic.load_state_dict(saved["elastic"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.step = saved["step"]

    def save(self) -> None:
        """Write the run whole or not at all."""
        partial = self._file.with_suffix(".partial")
        content = {
            "elastic": self.elastic.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        torch.save(content, partial)
        partial.replace(self._file)

    def train(self, name: str, stage: Stage, first: int, cache: Path | None, workers: int) -> None:
        """Run ``stage``, whose first step is ``first``, to its end."""
        narrow = [tier for tier in self.elastic.specs if tier != self.elastic.full]
        started = time.monotonic()
        sums: dict[bool, list[float]] = {True: [0, 0, 0], False: [0, 0, 0]}  # full or narrow
        for batch in self._batches(stage, first, cache, workers):
            draw = random.Random(self.seed * 1_000_003 + self.step)
            full = draw.random() < _FULL_SHARE
            tier = self.elastic.full if full else draw.choice(narrow)
            mad, loss = self._step(stage, (self.step - first) / stage.steps, tier, batch)
            self.step += 1
            sums[full] = [a + b for a, b in zip(sums[full], (1, mad, loss), strict=True)]
            if self.step % _SAVE_EVERY == 0 or self.step == first + stage.steps:
                self.save()
                figures = "  ".join(
                    f"{'full' if key else 'narrow'}: MAD {mad / n:.1f} loss {loss / n:.3f}"
                    for key, (n, mad, loss) in sums.items()
                    if n
                )
                pace = (time.monotonic() - started) / sum(int(n) for n, _, _ in sums.values())
                print(f"{name} {self.step}  {figures}  {pace:.2f} s/step", flush=True)  # noqa: T201
                started, sums = time.monotonic(), {True: [0, 0, 0], False: [0, 0, 0]}

    def _batches(
        self, stage: Stage, first: int, cache: Path | None, workers: int
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        composer = ClipComposer(
            cache, frame_hw=stage.frame_hw, clip_length=stage.clip_length, seed=self.seed
        )
        # a clip is never seen twice: indices go on from step to step and stage to stage
        clips = _Clips(composer, self.step * 16, (first + stage.steps - self.step) * stage.batch)
        loader = DataLoader(
            clips, stage.batch, num_workers=workers, collate_fn=stacked, prefetch_factor=4
        )
        yield from loader

    def _step(
        self, stage: Stage, progress: float, tier: str, batch: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[float, float]:
        frames, alpha, foreground = batch
        start, end = stage.learning_rate
        rate = end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
        rate *= min(1.0, (self.step + 1) / 200)  # warm-up
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        teacher = None
        if stage.distillation and tier != self.elastic.full:
            with torch.no_grad():
                teacher = self._roll(self.elastic.full, frames, stage.ratio)[1].clamp(0, 1)
        predicted, raw, logits = self._roll(tier, frames, stage.ratio)
        loss = alpha_loss(raw, alpha) + foreground_loss(predicted, foreground, alpha)
        loss = loss + 0.5 * segmentation_loss(logits, _resized(alpha, logits))
        if teacher is not None:
            loss = loss + stage.distillation * (raw.clamp(0, 1) - teacher).abs().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, _CLIP_NORM)
        self.optimiser.step()
        mad = 1e3 * float((raw.detach().clamp(0, 1) - alpha).abs().mean())
        return mad, float(loss.detach())

    def _roll(self, tier: str, frames: Tensor, ratio: float) -> tuple[Tensor, Tensor, Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            predicted, raw, logits = self.elastic.roll(tier, frames, ratio)
        return predicted.float(), raw.float(), logits.float()

    def finish(self, cache: Path | None) -> None:
        """Calibrate every tier's BatchNorm at its own size and write the elastic checkpoint.

        The shared weights are stored in half precision, BatchNorm in single.
        """
        for name, spec in self.elastic.specs.items():
            composer = ClipComposer(
                cache, frame_hw=spec.output_hw, clip_length=2, seed=self.seed + 1
            )
            pairs = range(0, _CALIBRATION_CLIPS, 2)
            batches = [stacked([composer.clip(i), composer.clip(i + 1)])[0] for i in pairs]
            self.elastic.calibrate(name, batches, [spec.ratio] * len(batches))
            print(f"calibrated {name}", flush=True)  # noqa: T201
        state = {
            key: value.half() if key.startswith("shared.") else value
            for key, value in self.elastic.export_state().items()
        }
        path = self.folder / "rvm.safetensors"
        write_safetensors(path, state, {"format": ELASTIC_FORMAT, "network": "rvm", **METADATA})
        print(f"wrote {path}")  # noqa: T201


METADATA = {
    "origin": "trained by pocketmatte.training.train_rvm; see the card beside the file",
    "licence": "Apache-2.0",
}


def stacked(clips: list[Composition]) -> tuple[Tensor, Tensor, Tensor]:
    """Return frames, alpha and foreground of ``clips``, each ``(T, N, C, H, W)``."""
    return (
        torch.stack([clip.frames for clip in clips], dim=1),
        torch.stack([clip.alpha for clip in clips], dim=1),
        torch.stack([clip.foreground for clip in clips], dim=1),
    )


def _resized(alpha: Tensor, like: Tensor) -> Tensor:
    if alpha.shape == like.shape:
        return alpha
    small = torch.nn.functional.interpolate(
        alpha.flatten(0, 1), like.shape[-2:], mode="bilinear", align_corners=False
    )
    return small.view(*alpha.shape[:2], *small.shape[1:])


if __name__ == "__main__":
    main()

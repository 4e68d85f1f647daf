"""``matanyone`` over a batch of clips, played frame by frame as an app plays them.

The programs hold the objects of one clip in the batch axis. Here it holds those of all clips, the
objects of a clip one after the other, so that BatchNorm sees all of them: ``value`` and ``decode``
are therefore spelt out with the network's own modules, and what a frame shows is repeated for every
object. The attention, which has no weights, is asked clip by clip.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pocketmatte.training.mask_losses import logits_of
from pocketmatte.training.task import Tensors
from tiers.blocks.objects import others_sum
from tiers.networks.matanyone_mobile import MobileMatAnyone
from tiers.rows.matanyone import OBJECTS

# Fewer than ``pocketmatte.matting.matanyone`` has: a clip is short, and reading a bank of several
# frames is to be learnt from three.
WARM_UP = 2
MEMORY_EVERY = 1


class MatAnyoneForm(nn.Module):
    """``MobileMatAnyone`` over clips.

    Input:
        batch: ``frames (N, T, 3, H, W)`` in 0..1; ``masks (N, K, H, W)``, those of the first frame,
            empty for an object that there is not.
        ratio: 1; the network works at frame size.

    Output:
        ``alpha (N, T, K, H, W)``, not clamped, 0 for an object that there is not; that of the
        first frame is of the last round. ``change (N, T - 1, K, h, w)``: logits of the predicted
        change since the frame before, at stride 16. ``carried``, of the same shape: logits of the
        mattes in the bank, carried over by the attention.

    Args:
        network: The network.
        slots: Of its memory bank.
    """

    def __init__(self, network: MobileMatAnyone, slots: int) -> None:
        super().__init__()
        self.network = network
        self.slots = slots

    def forward(self, batch: Tensors, ratio: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Matte the clips frame after frame."""
        frames, masks = batch["frames"], batch["masks"]
        count, length = frames.shape[:2]
        flat = frames.flatten(0, 1)
        encoded = [
            torch.unflatten(each, 0, (count, length)) for each in (flat, *self.network.encode(flat))
        ]
        first, *later = (_Shown(*(each[:, t] for each in encoded)) for t in range(length))
        memory = _Memory(self.network, masks)
        memory.memorise(first, masks.flatten(0, 1)[:, None], slot=None)
        alpha = memory.warmed_up(first)
        alphas = [alpha]
        changes = [frames.new_zeros(count * OBJECTS, 0, *first.key.shape[2:])]
        carried = [*changes]
        for number, shown in enumerate(later, 1):
            alpha, change = memory.read(shown)
            if number < length - 1:
                memory.memorise(shown, alpha.clamp(0, 1), self._slot(number))
            alphas.append(alpha)
            changes.append(change)
            carried.append(logits_of(memory.carried))
        parts = {"alpha": alphas, "change": changes, "carried": carried}
        apart = {name: torch.cat(each, dim=1) for name, each in parts.items()}
        return {
            name: torch.unflatten(each, 0, (count, OBJECTS)).transpose(1, 2)
            for name, each in apart.items()
        }

    def _slot(self, number: int) -> int | None:
        """Return where a frame goes to, as ``pocketmatte.matting.matanyone`` says."""
        memorised, between = divmod(number, MEMORY_EVERY)
        return None if between else 1 + (memorised - 1) % (self.slots - 1)


class _Shown(NamedTuple):
    """A frame of every clip and what it shows; see ``MobileMatAnyone.encode``."""

    frame: Tensor
    key: Tensor
    shrinkage: Tensor
    selection: Tensor
    feature: Tensor
    f8: Tensor
    f4: Tensor
    f2: Tensor


class _Memory:
    """What is kept of all clips; see ``tiers.networks.matanyone``, whose programs this follows."""

    def __init__(self, network: MobileMatAnyone, masks: Tensor) -> None:
        self._network = network
        self._present = (masks.flatten(2).amax(2) > 0).to(masks.dtype).view(-1, 1, 1, 1)
        height, width = masks.shape[2] // 16, masks.shape[3] // 16
        self._bank: dict[int, tuple[Tensor, Tensor, Tensor, Tensor]] = {}
        self._sensory = masks.new_zeros(
            len(self._present), network.deep_update.channels, height, width
        )
        self._last_value = self._last_mask = self._last_trace = self._sensory
        self.carried = masks.new_zeros(len(self._present), 1, height, width)

    def warmed_up(self, shown: _Shown) -> Tensor:
        """Matte the first frame some times over, each time from the alphas before."""
        for left in reversed(range(WARM_UP)):
            alpha, _ = self.read(shown)
            self.memorise(shown, alpha.clamp(0, 1), slot=None if left else 0)
        return alpha

    def memorise(self, shown: _Shown, alphas: Tensor, slot: int | None) -> None:
        """Keep a frame of ``alphas (N * K, 1, H, W)``: as the last one, and in a slot if given."""
        network, masks = self._network, alphas * self._present
        value = _value(network, shown, masks)
        if slot is not None or not self._bank:
            self._sensory = network.deepened(value, self._sensory)
        if slot is not None:
            small = functional.avg_pool2d(masks.detach(), 16)
            self._bank[slot] = (shown.key, shown.shrinkage, value, small)
        self._last_value, self._last_mask = value, functional.avg_pool2d(masks, 16)
        self._last_trace = network.change.trace(_repeated(shown.feature), self._last_mask)

    def read(self, shown: _Shown) -> tuple[Tensor, Tensor]:
        """Return alphas ``(N * K, 1, H, W)``, not clamped, and logits of change, at stride 16."""
        readout = self._last_value
        change = torch.zeros_like(self._last_mask)
        if self._bank:
            difference = self._attended(shown) - self._last_value
            change = _change(self._network, self._last_trace, shown.feature, difference)
            readout = self._last_value + change.sigmoid() * difference
        alpha, self._sensory = _decoded(
            self._network, shown, readout, self._sensory, self._last_mask
        )
        return alpha * self._present, change

    def _attended(self, shown: _Shown) -> Tensor:
        """Read the bank: ``(N * K, V, h, w)``; ``carried`` is then what its mattes give."""
        kept = zip(*self._bank.values(), strict=True)
        keys, shrinkages, values, mattes = (torch.stack(each, dim=1) for each in kept)
        valid = keys.new_ones(keys.shape[1], 1, 1, 1)
        held = torch.cat([values, mattes], dim=2)
        of_clips = torch.unflatten(held, 0, (-1, OBJECTS)).transpose(1, 2).flatten(2, 3)
        readouts = [
            self._network.attention(key[None], selection[None], (*bank, valid))
            for key, selection, *bank in zip(
                shown.key, shown.selection, keys, shrinkages, of_clips, strict=True
            )
        ]
        readout = torch.cat(readouts)
        self.carried = readout[:, -1:]
        return readout[:, :-1]


def _repeated(picture: Tensor) -> Tensor:
    """Return what a frame shows once an object: ``(N * K, ...)``."""
    return picture.repeat_interleave(OBJECTS, dim=0)


def _others(masks: Tensor) -> Tensor:
    """Return for every object the sum of the other ones of its clip, of the shape of the masks."""
    of_clips = torch.unflatten(masks[:, 0], 0, (-1, OBJECTS))  # (N, K, h, w)
    return others_sum(of_clips.transpose(0, 1)).transpose(0, 1).flatten(0, 1)[:, None]


def _value(network: MobileMatAnyone, shown: _Shown, masks: Tensor) -> Tensor:
    """As ``MobileMatAnyone.value``."""
    encoder = network.value_encoder
    planes = functional.avg_pool2d(torch.cat([masks, _others(masks)], dim=1), 4)
    x = encoder.at8(encoder.at4(planes, _repeated(shown.f4)), _repeated(shown.f8))
    x = encoder.residual(encoder.at16(x, _repeated(shown.feature)))
    value: Tensor = encoder.value(x)
    return value


def _change(network: MobileMatAnyone, trace: Tensor, feature: Tensor, difference: Tensor) -> Tensor:
    """As the change predictor; logits, which the loss is exact of."""
    predictor = network.change
    now = predictor.now(_repeated(feature))
    x = functional.relu(trace + predictor.difference(difference) + now)
    logits: Tensor = predictor.out(predictor.inner(x))
    return logits


def _decoded(
    network: MobileMatAnyone, shown: _Shown, readout: Tensor, sensory: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """As ``MobileMatAnyone.decode``."""
    known = torch.cat([readout, sensory, mask, _others(mask)], dim=1)
    x = network.fusion(known, _repeated(shown.feature))
    for block in network.refinement:
        x = block(x)
    fine = (shown.f8, shown.f4, shown.f2, network.normalise(shown.frame))
    p8, _, _, p1 = network.decoder(x, tuple(_repeated(each) for each in fine))
    alpha = network.alpha(p1)
    seen = torch.cat([x, functional.avg_pool2d(p8, 2), functional.avg_pool2d(alpha, 16)], dim=1)
    return alpha, network.update(network.from_decoder(seen), sensory)

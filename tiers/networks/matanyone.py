"""MatAnyone: mattes of the objects whose masks are known in the first frame.

Yang et al., "MatAnyone: Stable Video Matting with Consistent Memory Propagation", CVPR 2025. Values
of some frames stay in a memory bank; that of the last frame is kept apart. Where nothing changed
since then, a readout is the last frame's value, elsewhere it comes from the bank::

    P_t = V_m U_t + V_(t-1) (1 - U_t)

As long as the bank is empty, ``U`` is 0, and every memorised frame updates the sensory memory and
replaces the object summaries: the frames that a video is started with.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.anisotropic_attention import Bank
from tiers.blocks.memory_ring import mark, write
from tiers.networks.matanyone_mobile import MobileMatAnyone
from tiers.networks.matanyone_official import OfficialMatAnyone
from tiers.rows.matanyone import MatAnyoneShape
from tiers.spec import TierSpec

MatAnyone = MobileMatAnyone | OfficialMatAnyone

# Weights of an object summary add up to this at most. Their eps of 1e-4 is then small beside the
# weights, and both are numbers that half precision has.
_WHOLE_FRAME = 64.0


class EncodeProgram(nn.Module):
    """What a frame shows, before any object is looked at; see ``tiers.rows.matanyone``."""

    def __init__(self, network: MatAnyone) -> None:
        super().__init__()
        self.network = network

    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        """Encode one frame."""
        return self.network.encode(frame)


class MemoriseProgram(nn.Module):
    """Keep a frame with its alphas: always as the last one, and in the bank's slot if one is given.

    See ``tiers.rows.matanyone`` for the tensors.
    """

    def __init__(self, network: MobileMatAnyone) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        feature: Tensor,
        f8: Tensor,
        f4: Tensor,
        key: Tensor,
        shrinkage: Tensor,
        alphas: Tensor,
        present: Tensor,
        slot: Tensor,
        memory_key: Tensor,
        memory_shrinkage: Tensor,
        memory_value: Tensor,
        memory_valid: Tensor,
        sensory: Tensor,
    ) -> tuple[Tensor, ...]:
        """Keep one frame."""
        masks = alphas * present
        value = self.network.value(feature, f8, f4, masks)
        bank = (memory_key, memory_shrinkage, memory_value, memory_valid)
        mask = _at_stride_16(masks)
        return (
            *_written(bank, (key, shrinkage, value), slot),
            _deepened(self.network, value, sensory, _deep(memory_valid, slot)),
            value,
            mask,
            self.network.change.trace(feature, mask),
        )


class OfficialMemoriseProgram(nn.Module):
    """As ``MemoriseProgram``, and keep the object summaries; see ``tiers.rows.matanyone``."""

    def __init__(self, network: OfficialMatAnyone) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        frame: Tensor,
        feature: Tensor,
        key: Tensor,
        shrinkage: Tensor,
        alphas: Tensor,
        present: Tensor,
        slot: Tensor,
        memory_key: Tensor,
        memory_shrinkage: Tensor,
        memory_value: Tensor,
        memory_valid: Tensor,
        sensory: Tensor,
        summaries: Tensor,
        summarised: Tensor,
    ) -> tuple[Tensor, ...]:
        """Keep one frame."""
        masks = alphas * present
        value = self.network.value(frame, feature, masks)
        bank = (memory_key, memory_shrinkage, memory_value, memory_valid)
        mask = _at_stride_16(masks)
        deep = _deep(memory_valid, slot)
        scale = _WHOLE_FRAME / (mask.shape[2] * mask.shape[3])
        new = self.network.object_summarizer(mask, value) * scale
        # The mean over all frames summarised; a sum, which means the same, would leave fp16.
        count = summarised * _total(memory_valid) + deep
        share = (deep / count.clamp(min=1)).reshape(1, 1, 1)
        return (
            *_written(bank, (key, shrinkage, value), slot),
            _deepened(self.network, value, sensory, deep),
            summaries * (1 - share) + new * share,
            count,
            value,
            mask,
            self.network.temp_sparity.trace(feature, mask),
        )


class ReadProgram(nn.Module):
    """Read the memory and decode the alphas of a frame; see ``tiers.rows.matanyone``."""

    def __init__(self, network: MobileMatAnyone) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        frame: Tensor,
        key: Tensor,
        selection: Tensor,
        feature: Tensor,
        f8: Tensor,
        f4: Tensor,
        f2: Tensor,
        present: Tensor,
        memory_key: Tensor,
        memory_shrinkage: Tensor,
        memory_value: Tensor,
        memory_valid: Tensor,
        last_value: Tensor,
        last_mask: Tensor,
        last_trace: Tensor,
        sensory: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Matte one frame."""
        bank = (memory_key, memory_shrinkage, memory_value, memory_valid)
        fresh = self.network.attention(key, selection, bank)
        change = self.network.change(last_trace, feature, fresh - last_value)
        readout = _blended(last_value, fresh, change, memory_valid)
        alphas, sensory_next = self.network.decode(
            frame, (feature, f8, f4, f2), readout, sensory, last_mask
        )
        return alphas.clamp(0, 1) * present, sensory_next


class OfficialReadProgram(nn.Module):
    """As ``ReadProgram``, refined by the object transformer; see ``tiers.rows.matanyone``.

    Args:
        network: The network.
        exact: Whether the best positions of the memory and the pixels of an object are told by
            comparisons, as in training, or by the arithmetic that exporters take.
    """

    def __init__(self, network: OfficialMatAnyone, *, exact: bool) -> None:
        super().__init__()
        self.network = network
        self.exact = exact

    def forward(
        self,
        frame: Tensor,
        key: Tensor,
        selection: Tensor,
        feature: Tensor,
        f8: Tensor,
        f4: Tensor,
        f2: Tensor,
        present: Tensor,
        memory_key: Tensor,
        memory_shrinkage: Tensor,
        memory_value: Tensor,
        memory_valid: Tensor,
        last_value: Tensor,
        last_mask: Tensor,
        last_trace: Tensor,
        sensory: Tensor,
        summaries: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Matte one frame."""
        network = self.network
        bank = (memory_key, memory_shrinkage, memory_value, memory_valid)
        attend = network.attention.exactly if self.exact else network.attention
        fresh = attend(key, selection, bank)
        change = network.temp_sparity(last_trace, feature, fresh - last_value)
        readout = _blended(last_value, fresh, change, memory_valid)
        fused = network.pixel_fuser(feature, readout, sensory, last_mask)
        refined = network.refine(fused, summaries, present, exact=self.exact)
        alphas, sensory_next = network.decode(frame, (f8, f4, f2), refined, sensory)
        return alphas.clamp(0, 1) * present, sensory_next


def build(spec: TierSpec) -> MatAnyone:
    """Return the network of a row."""
    shape = spec.shaped(MatAnyoneShape)
    return OfficialMatAnyone() if shape.official else MobileMatAnyone(shape)


def programs(network: nn.Module, spec: TierSpec, *, exact: bool = False) -> dict[str, nn.Module]:
    """Return the programs of a row by name.

    Args:
        network: A network of ``spec``.
        spec: The row.
        exact: Whether the official network compares, see ``OfficialReadProgram``.

    Raises:
        TypeError: If the network is none of these.
    """
    if isinstance(network, OfficialMatAnyone):
        return {
            "encode": EncodeProgram(network),
            "memorise": OfficialMemoriseProgram(network),
            "read": OfficialReadProgram(network, exact=exact),
        }
    if isinstance(network, MobileMatAnyone):
        return {
            "encode": EncodeProgram(network),
            "memorise": MemoriseProgram(network),
            "read": ReadProgram(network),
        }
    msg = f"programs of {spec.network} need a MatAnyone, not a {type(network).__name__}"
    raise TypeError(msg)


def _at_stride_16(masks: Tensor) -> Tensor:
    return functional.avg_pool2d(masks, 16)


def _total(of_slots: Tensor) -> Tensor:
    """Return the sum over all slots ``(1, 1, 1, 1)``, at most 1."""
    total = of_slots[:1]
    for index in range(1, of_slots.shape[0]):
        total = total + of_slots[index : index + 1]
    return total.clamp(0, 1)


def _deep(memory_valid: Tensor, slot: Tensor) -> Tensor:
    """Return 1 where a frame is more than the last one: it is written, or the bank is empty."""
    return torch.maximum(_total(slot), 1 - _total(memory_valid))


def _written(bank: Bank, new: tuple[Tensor, Tensor, Tensor], slot: Tensor) -> Bank:
    """Return the bank's keys, shrinkages, values and validity with ``new`` in ``slot``."""
    memory_key, memory_shrinkage, memory_value, memory_valid = bank
    key, shrinkage, value = new
    flat = value.reshape(1, -1, *value.shape[2:])  # objects side by side in the channels
    return (
        write(memory_key, slot, key),
        write(memory_shrinkage, slot, shrinkage),
        write(memory_value, slot, flat),
        mark(memory_valid, slot),
    )


def _deepened(network: MatAnyone, value: Tensor, sensory: Tensor, deep: Tensor) -> Tensor:
    return sensory * (1 - deep) + network.deepened(value, sensory) * deep


def _blended(last: Tensor, fresh: Tensor, change: Tensor, memory_valid: Tensor) -> Tensor:
    return last + change * _total(memory_valid) * (fresh - last)

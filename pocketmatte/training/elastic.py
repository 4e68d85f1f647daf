"""One set of weights, eight networks: the elastic form that training works on.

Every tier's convolutions are differentiable slices of the full network's; its BatchNorm layers are
its own. (Yu et al., "Slimmable Neural Networks", ICLR 2019; Cai et al., "Once-for-All", 2020.)
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tiers.blocks.elastic import Index, slice_plan, take
from tiers.ladder import ladder
from tiers.networks.rvm import Rvm
from tiers.rows.rvm import RvmShape
from tiers.spec import TierSpec
from tiers.weights import full_tier


class TrainingForm(nn.Module):
    """``Rvm`` with the outputs that the losses need.

    Input:
        frame: ``(N, 3, H, W)`` in 0..1, with ``states`` and ``ratio`` as in ``Rvm``.

    Output:
        foreground and alpha at frame size and segmentation logits at working size, none clamped,
        and the next states.
    """

    def __init__(self, network: Rvm) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, frame: Tensor, states: Sequence[Tensor] | None, ratio: float
    ) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
        """Matte one frame and segment it."""
        residual, alpha, hidden, states_next = self.network.matte(frame, states, ratio)
        return frame + residual, alpha, self.network.project_seg(hidden), states_next


class ElasticRvm(nn.Module):
    """All elastic tiers of ``rvm`` over one set of convolution weights."""

    def __init__(self, bn_momentum: float = 0.1) -> None:
        super().__init__()
        rows = [spec for spec in ladder("rvm").values() if spec.weights_of == spec.name]
        self.specs: Mapping[str, TierSpec] = {spec.name: spec for spec in rows}
        self.full = full_tier("rvm")
        self.forms = nn.ModuleDict({name: _form(spec) for name, spec in self.specs.items()})
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = bn_momentum
        whole = self.forms[self.full]
        _initialise(whole)
        for parameter in self.parameters():
            if parameter.dim() == 4:  # the layout that oneDNN's convolutions are fastest in
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self._plans: dict[str, dict[str, tuple[Index, Index]]] = {
            name: slice_plan(whole, form) for name, form in self.forms.items() if name != self.full
        }

    def slices(self, name: str) -> dict[str, Tensor]:
        """Return the convolution parameters of tier ``name``, differentiable."""
        if name == self.full:
            return {}
        shared = dict(self.forms[self.full].named_parameters())
        return {key: take(shared[key], index) for key, index in self._plans[name].items()}

    def roll(self, name: str, frames: Tensor, ratio: float) -> tuple[Tensor, Tensor, Tensor]:
        """Run tier ``name`` over a batch of clips.

        Args:
            name: The tier.
            frames: ``(T, N, 3, H, W)`` in 0..1.
            ratio: Working size over frame size.

        Returns:
            Foreground, alpha and segmentation logits, ``(T, N, C, H, W)``, not clamped.
        """
        parameters = self.slices(name)
        form = self.forms[name]
        states: tuple[Tensor, ...] | None = None
        outputs: list[tuple[Tensor, Tensor, Tensor]] = []
        for frame in frames:
            *three, states = functional_call(form, parameters, (frame, states, ratio))
            outputs.append((three[0], three[1], three[2]))
        foreground, alpha, logits = (torch.stack(part) for part in zip(*outputs, strict=True))
        return foreground, alpha, logits

    def trainable(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the shared parameters and every tier's own BatchNorm parameters by name."""
        for name, form in self.forms.items():
            cut = self._plans.get(name, {})
            for key, parameter in form.named_parameters():
                if key not in cut:
                    yield f"{name}.{key}", parameter

    def export_state(self) -> dict[str, Tensor]:
        """Return the elastic checkpoint's tensors: ``shared.*`` and, per tier, BatchNorm's."""
        state: dict[str, Tensor] = {}
        for name, form in self.forms.items():
            norms = {
                module for module, part in form.named_modules() if isinstance(part, nn.BatchNorm2d)
            }
            for key, value in form.state_dict().items():
                own = key.rpartition(".")[0] in norms
                bare = key.removeprefix("network.")
                if own and not key.endswith("num_batches_tracked"):
                    state[f"{name}.{bare}"] = value.clone()
                elif not own and name == self.full:
                    state[f"shared.{bare}"] = value.clone()
        return state

    @torch.no_grad()
    def calibrate(self, name: str, batches: Sequence[Tensor], ratios: Sequence[float]) -> None:
        """Measure BatchNorm's statistics of tier ``name`` afresh, over ``(T, N, 3, H, W)`` clips.

        Averages over all frames of all batches, so that they do not lag behind the weights.
        """
        norms = [m for m in self.forms[name].modules() if isinstance(m, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # cumulative average
        training = self.training
        self.train()
        for frames, ratio in zip(batches, ratios, strict=True):
            self.roll(name, frames, ratio)
        self.train(training)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def _form(spec: TierSpec) -> TrainingForm:
    return TrainingForm(Rvm(spec.shaped(RvmShape)))


def _initialise(whole: nn.Module) -> None:
    """He initialisation; the projections start near zero so that no output starts saturated."""
    for name, module in whole.named_modules():
        if not isinstance(module, nn.Conv2d) or name.endswith("box_filter"):
            continue
        if "project_" in name or name.endswith("refiner.conv.6"):
            nn.init.normal_(module.weight, std=0.05)
        elif module.groups == 1:
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)

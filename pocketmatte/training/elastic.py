"""One set of weights, many networks: the elastic form that training works on.

Every row's convolutions are differentiable slices of the widest network's; its BatchNorm layers are
its own. (Yu et al., "Slimmable Neural Networks", ICLR 2019; Cai et al., "Once-for-All", 2020.)
"""

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pocketmatte.training.task import Task, Tensors
from tiers.blocks.elastic import Index, slice_plan, take
from tiers.envelope import envelope
from tiers.errors import UsageError
from tiers.spec import TierSpec
from tiers.weights import full_tier, own_rows

_NETWORK = "network."  # where a form holds the network that ships
_WHOLE = "whole"  # name of the form that holds all rows, where no row does


class Elastic(nn.Module):
    """All elastic rows of a network over one set of convolution weights.

    Args:
        task: The network's.
        widest: Name of the widest row that is trained; ``None`` trains the whole ladder.
        bn_momentum: Of every BatchNorm.

    Attributes:
        network: Name of the network.
        specs: The rows that are trained, narrowest first.
        widest: Name of the last of them.
        full: Name of the form whose convolutions hold those of all rows: the widest row, or one
            that is no row where the ladder does not widen everywhere.

    Raises:
        UsageError: If ``widest`` is no row with weights of its own.
    """

    def __init__(self, task: Task, widest: str | None = None, bn_momentum: float = 0.1) -> None:
        super().__init__()
        self.network = task.network
        rows = own_rows(task.network)
        self.widest = full_tier(task.network) if widest is None else widest
        if self.widest not in rows:
            msg = f"{widest} of {task.network} has no weights of its own; {', '.join(rows)} have"
            raise UsageError(msg)
        reached = list(rows)[: list(rows).index(self.widest) + 1]
        self.specs: Mapping[str, TierSpec] = {name: rows[name] for name in reached}
        whole_spec = envelope([*self.specs.values()])
        self.full = self.widest if whole_spec == rows[self.widest] else _WHOLE
        built = {**self.specs, self.full: whole_spec}
        self.forms = nn.ModuleDict({name: task.form(spec) for name, spec in built.items()})
        for norm in _norms(self):
            norm.momentum = bn_momentum
        whole = self.forms[self.full]
        _initialise(whole, task)
        self._plans: dict[str, dict[str, tuple[Index, Index]]] = {
            name: slice_plan(whole, form) for name, form in self.forms.items() if name != self.full
        }
        for name, plan in self._plans.items():
            for key in plan:  # slices of the widest one's stand in for them
                self.forms[name].get_parameter(key).requires_grad_(False)
        if self.full not in self.specs:
            for norm in _norms(whole):
                norm.requires_grad_(False)

    def forward(self, name: str, batch: Tensors, ratio: float) -> dict[str, Tensor]:
        """Run row ``name`` on a batch; see ``Task.form``."""
        predicted: dict[str, Tensor] = functional_call(
            self.forms[name], self.slices(name), (batch, ratio)
        )
        return predicted

    def slices(self, name: str) -> dict[str, Tensor]:
        """Return the convolution parameters of a row, differentiable; none for the widest one."""
        if name == self.full:
            return {}
        return self.slices_of(name, dict(self.forms[self.full].named_parameters()))

    def slices_of(self, name: str, shared: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a row's parts of what stands for the shared parameters; not the full form's."""
        return {key: take(shared[key], index) for key, index in self._plans[name].items()}

    def trainable(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the shared parameters and every row's own BatchNorm parameters by name."""
        for name, form in self.forms.items():
            for key, parameter in form.named_parameters():
                if parameter.requires_grad:
                    yield f"{name}.{key}", parameter

    def train_shared(self, wanted: bool) -> None:
        """Let the shared parameters be trained, or stay as they are; BatchNorm's are always."""
        whole = self.forms[self.full]
        norms = {id(each) for norm in _norms(whole) for each in norm.parameters()}
        for parameter in whole.parameters():
            if id(parameter) not in norms:
                parameter.requires_grad_(wanted)

    def export_state(self) -> dict[str, Tensor]:
        """Return the elastic checkpoint's tensors.

        ``shared.*``, in half precision, and, per row, BatchNorm's in single.
        """
        state: dict[str, Tensor] = {}
        for name, form in self.forms.items():
            norms = {key for key, part in form.named_modules() if isinstance(part, nn.BatchNorm2d)}
            for key, value in form.state_dict().items():
                if not key.startswith(_NETWORK) or key.endswith("num_batches_tracked"):
                    continue
                own = key.rpartition(".")[0] in norms
                bare = key.removeprefix(_NETWORK)
                if own and name in self.specs:
                    state[f"{name}.{bare}"] = value.detach().float().cpu().clone()
                elif not own and name == self.full:
                    state[f"shared.{bare}"] = value.detach().half().cpu().clone()
        return state

    def load_export(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the tensors of an elastic checkpoint; what is not in it stays as it is."""
        for name, form in self.forms.items():
            state = {
                f"{_NETWORK}{key.removeprefix(prefix)}": value.float()
                for prefix in (f"{name}.", *(("shared.",) if name == self.full else ()))
                for key, value in tensors.items()
                if key.startswith(prefix)
            }
            form.load_state_dict(state, strict=False)

    @torch.no_grad()
    def calibrate(self, name: str, batches: Iterable[Tensors], ratio: float) -> None:
        """Measure BatchNorm's statistics of a row afresh, as the mean over all batches.

        Statistics that were averaged while the weights moved lag behind them.
        """
        norms = list(_norms(self.forms[name]))
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # cumulative average
        training = self.training
        self.train()
        for batch in batches:
            self.forward(name, batch, ratio)
        self.train(training)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def _norms(module: nn.Module) -> Iterator[nn.BatchNorm2d]:
    return (part for part in module.modules() if isinstance(part, nn.BatchNorm2d))


def _initialise(whole: nn.Module, task: Task) -> None:
    """He initialisation; heads begin small, so that no output begins saturated.

    What a network itself begins at zero stays there.
    """
    for name, module in whole.named_modules():
        if not isinstance(module, nn.Conv2d) or name.endswith("box_filter"):
            continue
        if not module.weight.any():
            continue
        if task.is_head(name):
            nn.init.normal_(module.weight, std=0.05)
        elif module.groups == 1:
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)

"""A program that keeps its recurrent states itself, as buffers that it overwrites."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.own_states import explicit, keeps_own_states, stored_shapes
from export.program import Captured
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.errors import ExportError


def with_own_states(captured: Captured) -> torch.export.ExportedProgram:
    """Return the program in single precision with its states as buffers of padded width.

    Raises:
        ExportError: If it has none that its file alone can keep, see ``keeps_own_states``.
    """
    if not keeps_own_states(captured.contract, contracts(captured.spec)):
        where = f"{captured.spec.network}/{captured.spec.name}/{captured.contract.name}"
        msg = f"{where} has no states that are its own and begin at 0; export it as coreml"
        raise ExportError(msg)
    inputs, _ = explicit(captured.contract)
    program = copy.deepcopy(captured.exported).module().float()  # other formats are still to come
    module = _Stateful(program, captured.contract)
    return torch.export.export(module, tuple(torch.zeros(tensor.shape) for tensor in inputs))


class _Stateful(nn.Module):
    """Call a program with its states out of buffers, and put the new ones there."""

    def __init__(self, program: nn.Module, contract: ProgramContract) -> None:
        super().__init__()
        self.program = program
        self.inputs = [(tensor.name, tensor.shape[-1]) for tensor in contract.inputs]
        self.outputs = [tensor.name for tensor in contract.outputs]
        self.kept_as = {pair.output: pair.input for pair in contract.states}
        for name, shape in stored_shapes(contract).items():
            self.register_buffer(name, torch.zeros(shape))

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        rest = iter(given)
        kept = dict(self.named_buffers(recurse=False))
        taken = [
            kept[name][..., :width] if name in kept else next(rest) for name, width in self.inputs
        ]
        shown = []
        for name, value in zip(self.outputs, self.program(*taken), strict=True):
            if name in self.kept_as:
                state = kept[self.kept_as[name]]
                state.copy_(functional.pad(value, (0, state.shape[-1] - value.shape[-1])))
            else:
                shown.append(value)
        return tuple(shown)

"""The one capture of a program, which every format is written from."""

import copy
import dataclasses
import inspect
import itertools

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from export.converting import converting
from export.recipe import Recipe
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.errors import ExportError
from tiers.example_inputs import example_inputs
from tiers.networks import programs
from tiers.spec import TierSpec


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Captured:
    """A program as a graph, with what was promised of it.

    Attributes:
        exported: The graph; BatchNorm is folded, every tensor has the recipe's type.
        contract: Its inputs and outputs, in the order of the graph's.
        spec: The tier it was captured at.
        recipe: The precision it was captured in.
    """

    exported: torch.export.ExportedProgram
    contract: ProgramContract
    spec: TierSpec
    recipe: Recipe


def capture(network: nn.Module, spec: TierSpec, program: str, recipe: Recipe) -> Captured:
    """Capture a program at the tier's fixed sizes; ``network`` itself stays as it is.

    Args:
        network: The network of ``spec.network``, of the row's shape, with its weights.
        spec: The tier.
        program: Name of one of the network's programs.
        recipe: The precision; half-precision weights are rounded after BatchNorm is folded.

    Returns:
        The graph and its contract.

    Raises:
        ExportError: If there is no such program, or it does not keep to its contract.
    """
    contract = _contract(spec, program)
    where = f"{spec.network}/{spec.name}/{program}"
    own = programs(copy.deepcopy(network), spec)[program]
    own = fold_batch_norm(own.eval().requires_grad_(requires_grad=False))
    _check_inputs(own, contract, where)
    try:
        with converting():
            inputs = tuple(value.to(_dtype(recipe)) for value in example_inputs(contract))
            exported = torch.export.export(own.to(_dtype(recipe)), inputs)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        msg = f"{where}: the network does not take the inputs of its contract: {reason}"
        raise ExportError(msg) from error
    _check_outputs(exported, contract, _dtype(recipe), where)
    return Captured(exported=exported, contract=contract, spec=spec, recipe=recipe)


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Fold, in place, every BatchNorm into the convolution registered right before it.

    That is the order inside an ``nn.Sequential`` and of a ResNet's ``conv1, bn1, conv2, ...``
    alike. In evaluation mode the network computes the same function.

    Raises:
        ExportError: If a BatchNorm stands behind no convolution of its own channels.
    """
    for module in list(network.modules()):
        for (key, convolution), (norm_key, norm) in itertools.pairwise(module.named_children()):
            if (
                isinstance(convolution, nn.Conv2d)
                and isinstance(norm, nn.BatchNorm2d)
                and convolution.out_channels == norm.num_features
            ):
                setattr(module, key, fuse_conv_bn_eval(convolution, norm))
                setattr(module, norm_key, nn.Identity())
    left = [name for name, part in network.named_modules() if isinstance(part, nn.BatchNorm2d)]
    if left:
        msg = (
            f"no convolution is registered right before {', '.join(left)}; "
            "a BatchNorm that cannot be folded has no place in an exported program"
        )
        raise ExportError(msg)
    return network


def _dtype(recipe: Recipe) -> torch.dtype:
    return torch.float16 if recipe.dtype == "float16" else torch.float32


def _contract(spec: TierSpec, program: str) -> ProgramContract:
    by_name = {contract.name: contract for contract in contracts(spec)}
    if program not in by_name:
        msg = f"no program {program!r}; {spec.network} has {', '.join(by_name)}"
        raise ExportError(msg)
    return by_name[program]


def _check_inputs(program: nn.Module, contract: ProgramContract, where: str) -> None:
    takes = list(inspect.signature(program.forward).parameters)
    promised = [tensor.name for tensor in contract.inputs]
    if takes != promised:
        msg = f"{where} takes {', '.join(takes)}; its contract says {', '.join(promised)}"
        raise ExportError(msg)


def _check_outputs(
    exported: torch.export.ExportedProgram,
    contract: ProgramContract,
    dtype: torch.dtype,
    where: str,
) -> None:
    nodes = {node.name: node for node in exported.graph.nodes}
    given = [nodes[name].meta["val"] for name in exported.graph_signature.user_outputs]
    if len(given) != len(contract.outputs):
        names = ", ".join(tensor.name for tensor in contract.outputs)
        msg = f"{where} gives {len(given)} outputs; its contract says {names}"
        raise ExportError(msg)
    for value, promised in zip(given, contract.outputs, strict=True):
        if tuple(value.shape) != promised.shape or value.dtype != dtype:
            msg = (
                f"{where} gives {promised.name} as {value.dtype} {tuple(value.shape)}; "
                f"its contract says {dtype} {promised.shape}"
            )
            raise ExportError(msg)

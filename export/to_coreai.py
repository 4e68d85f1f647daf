"""Captured program -> Core AI asset: a folder that iOS 27 and newer runs.

The converter, ``coreai-torch``, is a beta and an optional extra; ``export.targets`` says where it
is missing.
"""

import importlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from export.atomic import whole
from export.converting import converting
from export.program import Captured
from export.quantise import add_constant, graph_of
from tiers.errors import ExportError
from tiers.example_inputs import example_inputs

if TYPE_CHECKING:
    from coreai.authoring import AIProgram
    from torch.export import ExportedProgram
    from torch.fx.node import Argument

PROGRAM, DIGEST, METADATA = "main.mlirb", "main.hash", "metadata.json"  # what an asset consists of

_DRAWN = re.compile(r"\bresource_\d+\b")  # how the converter names weights, by a random number


def to_coreai(captured: Captured, path: Path, metadata: Mapping[str, str]) -> None:
    """Write ``captured`` as an asset whose function ``main`` has the contract's tensor names.

    The same capture and metadata give the same bytes.

    Args:
        captured: The program.
        path: The ``.aimodel`` folder.
        metadata: Goes into the asset's creator-defined metadata.

    Raises:
        ExportError: If the converter lacks an operator of the program.
    """
    with converting():
        program = _named(_converted(captured))
        with whole(path) as partial:
            _write(program, partial, metadata)


def _converted(captured: Captured) -> "AIProgram":
    import torch
    from coreai_torch import TorchConverter, get_decomp_table

    decompositions = get_decomp_table()
    # The converter lacks bilinear sampling; PyTorch writes it out as gathers and products.
    decompositions.update(torch._decomp.get_decompositions([torch.ops.aten.grid_sampler_2d]))
    contract = captured.contract
    exported = captured.exported if captured.recipe.floating else _own_levels(captured)
    converter = TorchConverter(mode=TorchConverter.Mode.RELEASE)  # without stack traces
    try:
        converter.add_exported_program(
            exported.run_decompositions(decompositions),
            input_names=[tensor.name for tensor in contract.inputs],
            output_names=[tensor.name for tensor in contract.outputs],
        )
    except ValueError as error:
        reason = str(error).partition(". ")[0]
        msg = f"{captured.spec.network}/{captured.spec.name}/{contract.name}: Core AI: {reason}"
        raise ExportError(msg) from error
    program = converter.to_coreai()
    program.optimize()
    return program


def _own_levels(captured: Captured) -> "ExportedProgram":
    """Return a rounded program with the converter's operators in place of PyTorch's.

    The converter registers them in a module that it has no public name for.
    """
    import torch

    importlib.import_module("coreai_torch._compression.custom_layers")  # quantize and dequantize
    program = graph_of(captured)
    theirs, ours = torch.ops.quantized_decomposed, torch.ops.coreai
    arguments: tuple[Argument, ...]
    for node in list(program.graph.nodes):
        if node.target is theirs.dequantize_per_channel.default:
            levels, steps, _, axis, *_ = node.args  # zero is level 0
            operator, arguments = ours.dequantize.default, (levels, steps, None, None, axis)
        elif node.target in (
            theirs.quantize_per_tensor.default,
            theirs.dequantize_per_tensor.default,
        ):
            given, step, zero, _, _, dtype = node.args
            with program.graph.inserting_before(node):
                held = [
                    add_constant(program, f"{node.name}_{name}", value)
                    for name, value in (
                        ("step", torch.tensor(step, dtype=torch.float32)),
                        ("zero", torch.tensor(zero, dtype=dtype)),
                    )
                ]
            if node.target is theirs.quantize_per_tensor.default:
                operator, arguments = ours.quantize.default, (given, held[0], dtype, held[1])
            else:
                operator, arguments = ours.dequantize.default, (given, *held)
        else:
            continue
        with program.graph.inserting_before(node):
            node.replace_all_uses_with(program.graph.call_function(operator, arguments))
        program.graph.erase_node(node)
    program.graph.eliminate_dead_code()
    program.recompile()
    return torch.export.export(program, tuple(example_inputs(captured.contract)))


def _named(program: "AIProgram") -> "AIProgram":
    """Return ``program`` with weights and inner graphs numbered in the order they occur.

    The converter draws their names at random, and bytes follow names. It offers no other way to a
    weight's name than the program's text, which holds every value exactly.
    """
    from coreai._compiler.ir import Module, SymbolTable
    from coreai.authoring import AIProgram

    module = program._mlir_module
    for number, graph in enumerate(module.body.operations):
        if "template_op" in graph.attributes:  # a graph made of a template, at one set of shapes
            drawn = SymbolTable.get_symbol_name(graph).value
            given = f"{graph.attributes['template_op'].value}_{number}"
            SymbolTable.replace_all_symbol_uses(drawn, given, module.operation)
            SymbolTable.set_symbol_name(graph, given)
    names: dict[str, str] = {}
    text = _DRAWN.sub(
        lambda drawn: names.setdefault(drawn[0], f"weight_{len(names)}"),
        module.operation.get_asm(enable_debug_info=True),
    )
    return AIProgram._from_mlir_module(Module.parse(text, module.context))


def _write(program: "AIProgram", folder: Path, metadata: Mapping[str, str]) -> None:
    """Write an asset without the date of its creation, its metadata sorted by key."""
    from coreai.runtime import AIModelAssetMetadata

    described = AIModelAssetMetadata()
    for key, value in metadata.items():
        described.set_custom(key, value)
    draft = folder / "draft.aimodel"  # no other suffix is taken
    program.save_asset(draft, described)
    content = json.loads((draft / METADATA).read_text(encoding="utf-8"))
    del content["creationDate"]
    text = json.dumps(content, indent=1, sort_keys=True)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")
    for name in (PROGRAM, DIGEST):
        (draft / name).rename(folder / name)
    shutil.rmtree(draft)

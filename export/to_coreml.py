"""Captured program -> Core ML package: an ML Program that iOS 16 and newer runs, 18 with states."""

import contextlib
import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.atomic import whole
from export.converting import converting
from export.mlpackage import images, release, write_mlpackage
from export.own_states import explicit
from export.program import Captured
from export.stateful import with_own_states
from tiers.contract import ProgramContract, TensorSpec
from tiers.errors import ExportError

if TYPE_CHECKING:
    import torch

_IMAGE_PEAK = 255.0  # an 8-bit image's largest value; our tensors have 1


def to_coreml(captured: Captured, path: Path, metadata: Mapping[str, str]) -> None:
    """Write ``captured`` as a package that takes and gives tensors of the recipe's type.

    What is not in eight bits of a program that has eight-bit weights is computed in half precision.

    The same capture and metadata give the same bytes.

    Args:
        captured: The program.
        path: The ``.mlpackage`` folder.
        metadata: Goes into the model's user-defined metadata.
    """
    _write(captured, path, metadata, frozenset())


def to_coreml_image(captured: Captured, path: Path, metadata: Mapping[str, str]) -> None:
    """Write ``captured`` with 8-bit images for pictures and tensors for states.

    The frame is an RGB image, scaled to 0..1 inside the program; the foreground is an RGB image and
    alpha a grayscale one, both scaled to 0..255 inside the program.

    Args:
        captured: The program.
        path: The ``.image.mlpackage`` folder.
        metadata: Goes into the model's user-defined metadata.
    """
    _write(captured, path, metadata, images(captured.contract))


def to_coreml_stateful(captured: Captured, path: Path, metadata: Mapping[str, str]) -> None:
    """Write ``captured`` with its recurrent states as Core ML states, for iOS 18 and newer.

    What remains outside are the other inputs and outputs, as tensors. The widths of states are
    padded with zeros to what the Neural Engine takes, see ``own_states.stored_shapes``.

    Args:
        captured: The program, in half precision: Core ML has no other states.
        path: The ``.stateful.mlpackage`` folder.
        metadata: Goes into the model's user-defined metadata.

    Raises:
        ExportError: If it has no states, or is not in half precision.
    """
    if captured.recipe.dtype != "float16":
        msg = f"{captured.recipe.name}: Core ML's states are in half precision; take --recipe fp16"
        raise ExportError(msg)
    inputs, outputs = explicit(captured.contract)
    with converting():
        import coremltools as ct

        passes = ct.PassPipeline.DEFAULT
        # it moves updates of states nearer to what they store, and fails on several of them: it
        # looks for an operation that it has removed itself
        passes.remove_passes({"common::canonicalize_inplace_pattern"})
        with _checked_once():
            model = ct.convert(
                _prepared(with_own_states(captured)),
                inputs=[_feature(tensor, True, frozenset(), given=True) for tensor in inputs],
                outputs=[_feature(tensor, True, frozenset(), given=False) for tensor in outputs],
                minimum_deployment_target=ct.target.iOS18,
                compute_precision=ct.precision.FLOAT16,
                convert_to="mlprogram",
                pass_pipeline=passes,
                skip_model_load=True,
            )
        _save(model, captured.contract, path, metadata)


def _write(
    captured: Captured, path: Path, metadata: Mapping[str, str], pictures: frozenset[str]
) -> None:
    with converting():
        import coremltools as ct

        half = captured.recipe.dtype == "float16"
        computes_in_half = half or not captured.recipe.floating
        contract = captured.contract
        target = getattr(ct.target, release(captured.recipe).replace(" ", ""))
        precision = ct.precision.FLOAT16 if computes_in_half else ct.precision.FLOAT32
        with _checked_once():
            model = ct.convert(
                _graph(captured, pictures),
                inputs=[_feature(tensor, half, pictures, given=True) for tensor in contract.inputs],
                outputs=[
                    _feature(tensor, half, pictures, given=False) for tensor in contract.outputs
                ],
                minimum_deployment_target=target,
                compute_precision=precision,
                convert_to="mlprogram",
                skip_model_load=True,
            )
        _save(model, contract, path, metadata)


@contextlib.contextmanager
def _checked_once() -> Iterator[None]:
    """Have coremltools check its program when the block is done.

    It checks it after each of a hundred passes, which takes longer than the passes do.
    """
    from coremltools.converters.mil.mil import Program

    check = Program.validate
    made: dict[int, Program] = {}

    def note(program: Program, **_: object) -> None:
        made[id(program)] = program

    Program.validate = note
    try:
        yield
    finally:
        Program.validate = check
    for program in made.values():
        program.validate()


def _save(model: Any, contract: ProgramContract, path: Path, metadata: Mapping[str, str]) -> None:
    spec = model.get_spec()
    _describe(spec, contract, metadata)
    with whole(path) as partial:
        write_mlpackage(spec, Path(model.weights_dir), partial)


def _graph(captured: Captured, pictures: frozenset[str]) -> "torch.export.ExportedProgram":
    """Return a copy in the form that the converter takes, with pictures in 0..255.

    The frame is brought to 0..1 here rather than by the image type's own scale, which stays in
    single precision whatever the program is in, and off the Neural Engine.
    """
    import torch

    half = captured.recipe.dtype == "float16"
    wide = _widened(captured.exported) if half else copy.deepcopy(captured.exported)
    exported = _prepared(wide)
    graph, signature = exported.graph, exported.graph_signature
    by_name = {node.name: node for node in graph.nodes}
    for tensor, name in zip(captured.contract.inputs, signature.user_inputs, strict=True):
        if tensor.name in pictures:
            given = by_name[str(name)]
            with graph.inserting_after(given):
                scaled = graph.call_function(torch.ops.aten.mul.Tensor, (given, 1 / _IMAGE_PEAK))
            scaled.meta = dict(given.meta)
            given.replace_all_uses_with(scaled)  # in the product too, which takes it all the same
            scaled.args = (given, 1 / _IMAGE_PEAK)
    end = graph.output_node()
    results = list(end.args[0])
    for index, tensor in enumerate(captured.contract.outputs):
        if tensor.name in pictures:
            with graph.inserting_before(end):
                node = graph.call_function(torch.ops.aten.mul.Tensor, (results[index], _IMAGE_PEAK))
            node.meta = dict(results[index].meta)
            signature.output_specs[index].arg.name = node.name
            results[index] = node
    end.args = (tuple(results),)
    return exported


def _prepared(exported: "torch.export.ExportedProgram") -> "torch.export.ExportedProgram":
    """Return a program, taken over, in what the converter takes and the Neural Engine likes."""
    from export.functional import functional
    from export.pool_steps import in_pool_steps

    return in_pool_steps(_without_aliases(functional(exported).run_decompositions({})))


def _without_aliases(exported: "torch.export.ExportedProgram") -> "torch.export.ExportedProgram":
    """Take out, in place, what the converter lacks: aten.alias, coremltools issue 2517."""
    import torch

    for node in list(exported.graph.nodes):
        if node.op == "call_function" and node.target is torch.ops.aten.alias.default:
            node.replace_all_uses_with(node.args[0])
            exported.graph.erase_node(node)
    return exported


def _widened(exported: "torch.export.ExportedProgram") -> "torch.export.ExportedProgram":
    """Return a copy in single precision.

    The converter refuses half-precision graphs and rounds to half itself. The weights are rounded
    already, so its rounding changes none of them.
    """
    import torch

    wide = copy.deepcopy(exported)
    for tensors in (wide.state_dict, wide.constants):
        for name, tensor in tensors.items():
            if isinstance(tensor, torch.nn.Parameter):
                tensors[name] = torch.nn.Parameter(tensor.float(), requires_grad=False)
            else:
                tensors[name] = tensor.float()
    for node in wide.graph.nodes:
        if isinstance(node.meta.get("val"), torch.Tensor):
            node.meta["val"] = node.meta["val"].float()
    return wide


def _feature(tensor: TensorSpec, half: bool, pictures: frozenset[str], *, given: bool) -> Any:
    """Return coremltools' description of one input (``given``) or output."""
    import coremltools as ct
    import numpy as np

    shape = {"shape": tensor.shape} if given else {}
    if tensor.name not in pictures:
        return ct.TensorType(name=tensor.name, dtype=np.float16 if half else np.float32, **shape)
    colour = tensor.shape[1] == 3
    layout = ct.colorlayout.RGB if colour else ct.colorlayout.GRAYSCALE
    return ct.ImageType(name=tensor.name, color_layout=layout, **shape)


def _describe(spec: Any, contract: ProgramContract, metadata: Mapping[str, str]) -> None:
    meanings = {tensor.name: tensor.meaning for tensor in (*contract.inputs, *contract.outputs)}
    features = spec.description
    for feature in (*features.input, *features.output, *features.state):
        feature.shortDescription = meanings[feature.name]
    own = spec.description.metadata.userDefined
    del own["com.github.apple.coremltools.conversion_date"]  # the same inputs, the same bytes
    own.update(metadata)

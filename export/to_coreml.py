"""Captured program -> Core ML package: an ML Program that iOS 16 and newer runs."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.atomic import whole
from export.mlpackage import images, write_mlpackage
from export.program import Captured
from export.quiet import quiet
from tiers.contract import ProgramContract, TensorSpec

if TYPE_CHECKING:
    import torch

_IMAGE_PEAK = 255.0  # an 8-bit image's largest value; our tensors have 1


def to_coreml(captured: Captured, path: Path, metadata: Mapping[str, str]) -> None:
    """Write ``captured`` as a package that takes and gives tensors of the recipe's type.

    The same capture and metadata give the same bytes.

    Args:
        captured: The program.
        path: The ``.mlpackage`` folder.
        metadata: Goes into the model's user-defined metadata.
    """
    _write(captured, path, metadata, frozenset())


def to_coreml_image(captured: Captured, path: Path, metadata: Mapping[str, str]) -> None:
    """Write ``captured`` with 8-bit images for pictures and tensors for states.

    The frame is an RGB image, scaled to 0..1 inside the model; the foreground is an RGB image and
    alpha a grayscale one, both scaled to 0..255 inside the model.

    Args:
        captured: The program.
        path: The ``.image.mlpackage`` folder.
        metadata: Goes into the model's user-defined metadata.
    """
    _write(captured, path, metadata, images(captured.contract))


def _write(
    captured: Captured, path: Path, metadata: Mapping[str, str], pictures: frozenset[str]
) -> None:
    with quiet():
        import coremltools as ct

        half = captured.recipe.dtype == "float16"
        contract = captured.contract
        model = ct.convert(
            _graph(captured, [tensor.name in pictures for tensor in contract.outputs]),
            inputs=[_feature(tensor, half, pictures, given=True) for tensor in contract.inputs],
            outputs=[_feature(tensor, half, pictures, given=False) for tensor in contract.outputs],
            minimum_deployment_target=ct.target.iOS16,
            compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
            convert_to="mlprogram",
            skip_model_load=True,
        )
        spec = model.get_spec()
        _describe(spec, contract, metadata)
        with whole(path) as partial:
            write_mlpackage(spec, Path(model.weights_dir), partial)


def _graph(captured: Captured, as_image: list[bool]) -> "torch.export.ExportedProgram":
    """Return a copy in the form that the converter takes."""
    import torch

    half = captured.recipe.dtype == "float16"
    wide = _widened(captured.exported) if half else captured.exported
    exported: torch.export.ExportedProgram = wide.run_decompositions({})
    graph = exported.graph
    for node in list(graph.nodes):
        # the converter lacks aten.alias: https://github.com/apple/coremltools/issues/2517
        if node.op == "call_function" and node.target is torch.ops.aten.alias.default:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    end = graph.output_node()
    given = list(end.args[0])
    for index, image in enumerate(as_image):
        if image:
            with graph.inserting_before(end):
                node = graph.call_function(torch.ops.aten.mul.Tensor, (given[index], _IMAGE_PEAK))
            node.meta = dict(given[index].meta)
            exported.graph_signature.output_specs[index].arg.name = node.name
            given[index] = node
    end.args = (tuple(given),)
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
    scale = {"scale": 1 / _IMAGE_PEAK} if given else {}
    return ct.ImageType(name=tensor.name, color_layout=layout, **shape, **scale)


def _describe(spec: Any, contract: ProgramContract, metadata: Mapping[str, str]) -> None:
    meanings = {tensor.name: tensor.meaning for tensor in (*contract.inputs, *contract.outputs)}
    for feature in (*spec.description.input, *spec.description.output):
        feature.shortDescription = meanings[feature.name]
    own = spec.description.metadata.userDefined
    del own["com.github.apple.coremltools.conversion_date"]  # the same inputs, the same bytes
    own.update(metadata)

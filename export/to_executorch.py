"""Captured program -> ExecuTorch file, lowered to XNNPACK."""

import collections
import copy
import dataclasses
import json
import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.atomic import whole
from export.converting import converting
from export.functional import functional
from export.known_results import results_known
from export.level_moves import with_level_moves
from export.partial_sums import in_parts
from export.program import Captured

if TYPE_CHECKING:
    import torch

METADATA_METHOD = "metadata"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Lowered:
    """A program with its parts handed to XNNPACK.

    Attributes:
        program_manager: ExecuTorch's ``EdgeProgramManager``.
        delegates: Number of parts that XNNPACK runs.
        outside: The operators left to ExecuTorch's portable kernels, with their number.
    """

    program_manager: Any
    delegates: int
    outside: Mapping[str, int]


def lower(captured: Captured, metadata: Mapping[str, str] | None = None) -> Lowered:
    """Lower ``captured`` to XNNPACK.

    Args:
        captured: The program.
        metadata: What the method ``metadata`` of the lowered program returns, as a JSON object.
    """
    with converting(), results_known():
        from executorch.exir import to_edge_transform_and_lower
        from executorch.exir.backend.utils import is_same_node

        manager = to_edge_transform_and_lower(
            _prepared(captured),
            transform_passes=[_constant_propagation()],
            partitioner=[_partitioner()],
            constant_methods={METADATA_METHOD: json.dumps(dict(metadata or {}), sort_keys=True)},
        )
        is_same_node.cache_clear()  # it holds every graph that it ever compared, weights and all
    delegates, outside = _summary(manager.exported_program().graph_module)
    return Lowered(program_manager=manager, delegates=delegates, outside=outside)


def _prepared(captured: Captured) -> "torch.export.ExportedProgram":
    """Return a copy, which lowering takes constants out of, in a form that suits XNNPACK."""
    if not captured.recipe.floating:
        return functional(with_level_moves(captured))
    exported = copy.deepcopy(captured.exported)
    return functional(in_parts(exported) if captured.recipe.dtype == "float16" else exported)


def to_executorch(captured: Captured, path: Path, metadata: Mapping[str, str]) -> Lowered:
    """Write ``captured`` as one ExecuTorch file with the method ``forward``.

    The same capture and metadata give the same bytes. XNNPACK's serialiser stores convolution
    weights in single precision whatever the recipe, so a half-precision file is no smaller.

    Args:
        captured: The program.
        path: The ``.pte`` file.
        metadata: What the file's method ``metadata`` returns, as a JSON object.

    Returns:
        What was delegated.
    """
    lowered = lower(captured, metadata)
    with converting():
        program = lowered.program_manager.to_executorch()
    with whole(path) as partial:
        partial.write_bytes(program.buffer)
    return lowered


def _partitioner() -> Any:
    """Return XNNPACK's partitioner, which tells what to leave whole by operator where it can.

    XNNPACK's own tells it by node. ExecuTorch then takes the graph apart twice: with all nodes of
    such an operator left whole, and again with those that XNNPACK does not take.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    class Partitioner(XnnpackPartitioner):  # type: ignore[misc]
        def ops_to_not_decompose(
            self, program: "torch.export.ExportedProgram"
        ) -> tuple[list[Any], Callable[["torch.fx.Node"], bool] | None]:
            kept, takes = super().ops_to_not_decompose(program)
            nodes = [node for node in program.graph.nodes if node.target in kept]
            return kept, None if nodes and all(takes(node) for node in nodes) else takes

    return Partitioner()


def _constant_propagation() -> Any:
    """Return the pass that casts constants beforehand.

    Edge dialect turns a scalar operand into a constant and a cast to the tensor's type, which
    XNNPACK would leave outside its delegate.
    """
    from executorch.exir.pass_base import ExportedProgramPassBase, ExportedProgramPassResult
    from executorch.exir.passes.constant_prop_pass import constant_prop_pass

    class ConstantPropagation(ExportedProgramPassBase):  # type: ignore[misc]
        def call(self, program: "torch.export.ExportedProgram") -> ExportedProgramPassResult:
            return ExportedProgramPassResult(constant_prop_pass(program), modified=True)

    return ConstantPropagation()


def _summary(graph_module: "torch.fx.GraphModule") -> tuple[int, dict[str, int]]:
    from executorch.exir.delegate import executorch_call_delegate

    calls = [node.target for node in graph_module.graph.nodes if node.op == "call_function"]
    outside = collections.Counter(
        target.name() if hasattr(target, "name") else str(target)
        for target in calls
        if target not in (executorch_call_delegate, operator.getitem)
    )
    return calls.count(executorch_call_delegate), dict(sorted(outside.items()))

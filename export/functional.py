"""Programs that change no tensor in place, for converters that ask for such.

They get them with ``run_decompositions({})``, which traces the graph once more. Most captured
programs are of that kind from the start: what tracing gives is what was traced.
"""

import operator

import torch
from torch.export.graph_signature import OutputKind

_COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd


def functional(exported: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Return a program whose ``run_decompositions({})`` is itself, if tracing would change nothing.

    Args:
        exported: The program; it is taken over, and not to be used any more.

    Returns:
        ``exported`` where tracing is needed.
    """
    if not _is_functional(exported):
        return exported
    return _Functional(
        root=exported.graph_module,
        graph=exported.graph,
        graph_signature=exported.graph_signature,
        state_dict=exported.state_dict,
        range_constraints=exported.range_constraints,
        module_call_graph=exported.module_call_graph,
        example_inputs=exported.example_inputs,
        constants=exported.constants,
    )


class _Functional(torch.export.ExportedProgram):
    def run_decompositions(
        self,
        decomp_table: dict[torch._ops.OperatorBase, object] | None = None,
        decompose_custom_triton_ops: bool = False,
    ) -> torch.export.ExportedProgram:
        # torch's default table is a dictionary that fills itself later: empty, but not a plain one
        if type(decomp_table) is dict and not decomp_table:
            return self
        taken_apart: torch.export.ExportedProgram = super().run_decompositions(
            decomp_table, decompose_custom_triton_ops
        )
        return taken_apart


def _is_functional(program: torch.export.ExportedProgram) -> bool:
    signature = program.graph_signature
    if any(output.kind is not OutputKind.USER_OUTPUT for output in signature.output_specs):
        return False
    if not all(_stays(node.target) for node in program.graph.nodes if node.op == "call_function"):
        return False
    module = program.module(check_guards=False)  # tracing takes weights in the order of the module
    parameters = module.named_parameters(remove_duplicate=False)
    buffers = module.named_buffers(remove_duplicate=False)
    taken = [given.target for given in signature.input_specs if given.target is not None]
    return taken == [name for name, _ in (*parameters, *buffers)]


def _stays(target: object) -> bool:
    """Say whether an operator is in a functional graph what it is in a captured one.

    Composite operators that may give a view of what they take, like reshape, are taken apart.
    """
    if not isinstance(target, torch._ops.OpOverload):
        return target is operator.getitem
    schema = target._schema
    views = any(argument.alias_info is not None for argument in schema.arguments)
    composite = target.has_kernel_for_dispatch_key(_COMPOSITE)
    return not schema.is_mutable and not (views and composite)

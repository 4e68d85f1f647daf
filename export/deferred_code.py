"""Python code of graphs, made when it is asked for.

A ``GraphModule`` writes and compiles the code of its graph after every change. Converters change a
graph in dozens of passes and run none of that code: they read the graph.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.fx import GraphModule

_MADE = ("forward", "_code", "_lineno_map", "_prologue_start")  # by recompile, from the graph


@contextlib.contextmanager
def code_deferred() -> Iterator[None]:
    """Let graph modules make their code when it is asked for, inside the block.

    A module whose code nobody asked for makes it after the block, for whoever asks then. Inside,
    ``recompile`` returns nothing, which pickling a module would need.
    """
    from torch.fx import GraphModule
    from torch.fx.graph import _PyTreeCodeGen

    make: Callable[[GraphModule], object] = GraphModule.recompile

    def defer(module: GraphModule) -> None:
        described = module.graph._codegen
        if isinstance(described, _PyTreeCodeGen):
            module._in_spec = described.pytree_info.in_spec
            module._out_spec = described.pytree_info.out_spec
        for name in _MADE:
            module.__dict__.pop(name, None)
            setattr(type(module), name, _Asked(name, make))  # each module has a class of its own
        module._recompile_submodules()

    GraphModule.recompile = defer  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        GraphModule.recompile = make  # type: ignore[method-assign, assignment]


class _Asked:
    """Stands for something that ``make`` makes of a module, and makes it when it is asked for."""

    def __init__(self, name: str, make: "Callable[[GraphModule], object]") -> None:
        self._name, self._make = name, make

    def __get__(self, module: "GraphModule | None", owner: type) -> Any:
        if module is None:
            return self
        for name in _MADE:
            if isinstance(vars(owner).get(name), _Asked):
                delattr(owner, name)
        self._make(module)
        return getattr(module, self._name)

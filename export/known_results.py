"""Shapes that passes of a converter ask for again and again, worked out once.

A pass of ExecuTorch runs every operator of a graph on tensors without values, to learn the shapes
of what it gives, and there are some forty passes. Nearly all of them are asked what was asked
before: the same operator, of the very same tensors.
"""

import contextlib
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import Any

Call = tuple[Any, ...]


@contextlib.contextmanager
def results_known() -> Iterator[None]:
    """Let interpreters of graphs remember, inside the block, what operators give without values.

    Only what is asked for outside of any tracing is remembered: of operators that change nothing,
    on tensors without values. A call that a graph holds twice has two results there, as without.
    """
    import torch
    from executorch.exir.dialects.edge._ops import EdgeOpOverload
    from torch._ops import OpOverload
    from torch._subclasses.fake_tensor import FakeTensor
    from torch.fx import Interpreter
    from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

    run = Interpreter.call_function
    known: dict[Call, list[FakeTensor]] = {}
    alive: list[torch.Tensor] = []  # what calls are known by
    asked: weakref.WeakKeyDictionary[Interpreter, Counter[Call]] = weakref.WeakKeyDictionary()

    def described(value: object, tensors: list[torch.Tensor]) -> object:
        """Return what stands for an argument; a tensor is no other than itself."""
        if isinstance(value, torch.Tensor):
            tensors.append(value)
            return id(value)
        if isinstance(value, (list, tuple)):
            return (type(value), *(described(each, tensors) for each in value))
        return (type(value), value)  # 1, 1.0 and True are equal

    def recall(interpreter: Interpreter, target: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if not isinstance(target, (OpOverload, EdgeOpOverload)) or target._schema.is_mutable:
            return run(interpreter, target, args, kwargs)
        tensors: list[torch.Tensor] = []
        named = tuple((name, described(value, tensors)) for name, value in kwargs.items())
        call = (target, torch.is_grad_enabled(), described(args, tensors), named)
        modes = {id(each.fake_mode) for each in tensors if isinstance(each, FakeTensor)}
        if not modes or [id(mode) for mode in _get_current_dispatch_mode_stack()] != list(modes):
            return run(interpreter, target, args, kwargs)
        results = known.setdefault(call, [])
        before = asked.setdefault(interpreter, Counter())
        if before[call] == len(results):
            result = run(interpreter, target, args, kwargs)
            if not isinstance(result, FakeTensor):
                return result
            results.append(result)
            alive.extend(tensors)
        before[call] += 1
        return results[before[call] - 1]

    Interpreter.call_function = recall  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Interpreter.call_function = run  # type: ignore[method-assign]

"""Count the work of a program from its own operators; nothing is run on data.

The network is built on PyTorch's meta device, BatchNorm folded as the exporters fold it, and every
operator is seen as it is dispatched. Shapes do not depend on weights, so neither does the work.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from export.program import fold_batch_norm
from pocketmatte.cost_model.work import LARGE, NOTHING, TILE, Work, Works
from tiers.contract_table import contracts
from tiers.errors import PocketMatteError
from tiers.networks import build, programs
from tiers.spec import TierSpec

_SHALLOW = 64  # products of a sum; see ``Work.shallow``

# Of an operator of PyTorch the kind; ``None`` moves nothing.
KIND_OF: Mapping[str, str | None] = MappingProxyType(
    dict.fromkeys(
        (
            "add", "sub", "rsub", "mul", "div", "maximum", "minimum", "clamp", "neg", "exp", "log",
            "rsqrt", "sqrt", "abs", "pow", "where", "reciprocal", "ge", "gt", "le", "lt",
        ),
        "elementwise",
    )
    | dict.fromkeys(
        ("relu", "hardtanh", "leaky_relu", "hardswish", "hardsigmoid", "sigmoid", "tanh"),
        "activation",
    )
    | dict.fromkeys(("avg_pool2d", "max_pool2d_with_indices", "mean", "sum", "amax"), "pool")
    | dict.fromkeys(("upsample_bilinear2d", "upsample_nearest2d"), "resize")
    | dict.fromkeys(("slice", "cat", "transpose", "permute", "clone", "constant_pad_nd"), "move")
    | dict.fromkeys(("grid_sampler_2d", "gather", "index", "index_select"), "gather")
    | {"topk": "topk", "_softmax": "softmax", "bmm": "matmul", "mm": "matmul", "addmm": "matmul"}
    | dict.fromkeys(
        (
            "view", "_unsafe_view", "expand", "unsqueeze", "squeeze", "select", "detach", "empty",
            "arange", "alias", "t", "split", "split_with_sizes", "full", "scalar_tensor",
        )
    )
)  # fmt: skip
_FUSED = ("relu", "hardtanh", "clamp")
_FUSING = ("convolution", "add", "sub", "mul", "bmm")


def works_of(spec: TierSpec) -> dict[str, Works]:
    """Return the work of every program of a tier, by its name.

    Raises:
        PocketMatteError: If a program has an operator whose kind is not known.
    """
    with torch.device("meta"):
        network = build(spec).eval().requires_grad_(requires_grad=False)
        own = programs(network, spec)
    made: dict[str, Works] = {}
    for contract in contracts(spec):
        shapes = [each.shape for each in contract.inputs]
        made[contract.name] = works_of_module(fold_batch_norm(own[contract.name]), shapes)
    return made


def works_of_module(program: nn.Module, shapes: Sequence[tuple[int, ...]]) -> Works:
    """Return the work of a module on PyTorch's meta device.

    Args:
        program: Without BatchNorm.
        shapes: Of its inputs.

    Raises:
        PocketMatteError: If it has an operator whose kind is not known.
    """
    given = [torch.empty(shape, device="meta") for shape in shapes]
    with torch.no_grad(), _Counter(given) as counter:
        program(*given)
    return dict(sorted(counter.works.items()))


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Add up the work of every operator that an input reaches; the rest is folded on export.

    Args:
        inputs: Of the program.
    """

    def __init__(self, inputs: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.works: dict[str, Work] = {}
        self._made_by = {id(each): "" for each in inputs}
        self._kept: list[Any] = []  # so that no two results have one id

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if not any(id(each) in self._made_by for each in _tensors(args)):
            return result
        name = function._schema.name.partition("::")[2].rstrip("_")
        found = self._work(name, args, result)
        if found is not None:
            kind, work = found
            self.works[kind] = self.works.get(kind, NOTHING).plus(work)
        self._kept.append(result)
        for leaf in _tensors(result):
            self._made_by[id(leaf)] = name
        return result

    def _work(self, name: str, args: Any, result: Any) -> tuple[str, Work] | None:
        if name == "convolution":
            return _convolution(args, result)
        if name not in KIND_OF:
            msg = f"operator {name} has no kind in counting.KIND_OF; give it one"
            raise PocketMatteError(msg)
        kind = KIND_OF[name]
        given = _tensors(args)
        if kind is None:
            return None
        if name in _FUSED and self._made_by.get(id(given[0])) in _FUSING:
            return None
        made = _tensors(result)
        if kind == "gather":  # it reads what it writes, however large what it picks from
            given = made
        work = _matmul(given) if kind == "matmul" else NOTHING
        return kind, work.plus(_moved(given, made))


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _moved(given: list[Tensor], made: list[Tensor]) -> Work:
    large = sum(each.numel() for each in (*given, *made) if each.numel() > LARGE)
    read = sum(each.numel() for each in given)
    written = sum(each.numel() for each in made)
    return Work(nodes=1, read=read, written=written, large=large)


def _convolution(args: Any, result: Tensor) -> tuple[str, Work]:
    given, weight, groups = args[0], args[1], args[8]
    outputs, inputs, *kernel = weight.shape
    depth = inputs * math.prod(kernel)
    macs = result.numel() * depth
    if groups > 1:
        kind, tiled = "depthwise", _rounded(outputs) * macs // outputs
    else:
        kind = "pointwise" if math.prod(kernel) == 1 else "dense"
        tiled = _rounded(outputs) * macs // outputs
    work = Work(
        macs=macs, tiled=tiled, shallow=tiled if depth < _SHALLOW else 0, weights=weight.numel()
    )
    return kind, work.plus(_moved([given], [result]))


def _matmul(given: list[Tensor]) -> Work:
    left, right = given[-2:]
    macs = left.numel() * right.shape[-1]
    tiled = left.numel() * _rounded(right.shape[-1])
    return Work(macs=macs, tiled=tiled, shallow=tiled if left.shape[-1] < _SHALLOW else 0)


def _rounded(channels: int) -> int:
    return -(-channels // TILE) * TILE

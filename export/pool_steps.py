"""Means over large tiles as means of means, in steps that the Neural Engine takes at once."""

import itertools

import torch

_LARGEST = 4  # stride of a pool: docs/lint.md, pool-strides


def in_pool_steps(exported: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Take apart, in place, every mean over tiles of 8x8, 16x16, 1x16 and the like.

    Tiles that lie side by side without a border have the same mean however they are taken apart;
    only the order of the sum differs. Sides with other factors than 2 stay as they are.
    """
    graph = exported.graph
    pool = torch.ops.aten.avg_pool2d.default
    for node in list(graph.nodes):
        if node.target is not pool or len(node.args) > 3 or node.kwargs:
            continue  # with a border, or rounded up at the edge
        given, kernel, *stride = node.args
        if stride and list(stride[0]) != list(kernel):
            continue
        steps = pool_steps(*kernel)
        last = given
        for step in steps[:-1]:
            with graph.inserting_before(node):
                size = [int(each) for each in last.meta["val"].shape]
                smaller = [size[2] // step[0], size[3] // step[1]]
                value = last.meta["val"].new_empty((*size[:2], *smaller))
                last = graph.call_function(pool, (last, list(step), list(step)))
                last.meta = {**node.meta, "val": value}
        node.args = (last, list(steps[-1]), list(steps[-1]))
    return exported


def pool_steps(height: int, width: int) -> list[tuple[int, int]]:
    """Return the tiles whose means, one after the other, are the mean over ``(height, width)``.

    A tile with another factor than 2 is returned as it is.
    """
    factors = _steps(height), _steps(width)
    if None in factors or max(height, width) <= _LARGEST:
        return [(height, width)]
    down, across = (each or [] for each in factors)
    return list(itertools.zip_longest(down, across, fillvalue=1))


def _steps(side: int) -> list[int] | None:
    """Return factors of at most 4 whose product is ``side``, ``None`` if 2 is not its only one."""
    steps = []
    while side % _LARGEST == 0:
        steps.append(_LARGEST)
        side //= _LARGEST
    if side == 2:
        steps.append(side)
        side = 1
    return steps if side == 1 else None

"""Wider rows begin as what narrower ones have learnt, and networks as what others have.

Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016: a
wider or deeper network is given weights under which it computes what the narrower one computes.
Rows share their weights here, so that a row which is reached has its narrower part already: what is
new is let in by weights of zero, and new blocks around which their input passes add nothing at
first.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from pocketmatte.training.elastic import Elastic
from tiers.blocks.elastic import ElasticConv2d, Segments
from tiers.blocks.mobilenet_v3 import InvertedResidual, MobileNetV3Large
from tiers.blocks.skip_decoder import Residual
from tiers.errors import UsageError


class _Norm(NamedTuple):
    """A BatchNorm layer and the parts that its channels come in."""

    layer: nn.BatchNorm2d
    segments: Segments


@torch.no_grad()
def grow(elastic: Elastic, known: str, new: Sequence[str]) -> None:
    """Let rows begin as another one is.

    Args:
        elastic: The network.
        known: Name of the row that they begin as: the widest of those that were trained.
        new: Names of rows that were not.
    """
    narrow = _convolutions(elastic.forms[known])
    for name, layer in _convolutions(elastic.forms[elastic.full]).items():
        if name in narrow:
            _shut(layer, narrow[name])
    for row in new:
        _begin_norms(elastic.forms[row], elastic.forms[known])


@torch.no_grad()
def begin_as(elastic: Elastic, trained: Elastic) -> None:
    """Let a network of which no step was made begin as trained weights are, as far as they reach.

    Args:
        elastic: The network.
        trained: The same network, or another one with an encoder of its kind: then this one's
            encoders alone begin as that one is.

    Raises:
        UsageError: If either of two networks has no such encoder.
    """
    if elastic.network == trained.network:
        places = [("", "")]
    else:
        ours, theirs = (
            [name for name, part in each.forms[each.full].named_modules() if _is_encoder(part)]
            for each in (elastic, trained)
        )
        places = [(own, theirs[0]) for own in ours if theirs]
    if not places:
        msg = (
            f"{elastic.network} and {trained.network} have no encoder in common; begin with "
            f"weights of {elastic.network} itself"
        )
        raise UsageError(msg)
    for place, source in places:
        given = _convolutions(trained.forms[trained.full].get_submodule(source))
        for name, layer in _convolutions(elastic.forms[elastic.full].get_submodule(place)).items():
            if name in given:
                _shut(layer, given[name])
                _take(layer, given[name])
        for row in elastic.specs:
            form = elastic.forms[row].get_submodule(place)
            begun = row if row in trained.specs and not place else _nearest(trained, source, form)
            _begin_norms(form, trained.forms[begun].get_submodule(source))


def _is_encoder(part: nn.Module) -> bool:
    return isinstance(part, MobileNetV3Large)


def _nearest(trained: Elastic, place: str, form: nn.Module) -> str:
    """Return the narrowest trained row that has all of a part's channels, or the widest one."""
    wanted = sum(norm.layer.num_features for norm in _norms(form).values())
    for row in trained.specs:
        held = _norms(trained.forms[row].get_submodule(place)).values()
        if sum(norm.layer.num_features for norm in held) >= wanted:
            return row
    return trained.widest


def _shut(layer: ElasticConv2d, narrow: ElasticConv2d) -> None:
    """Let what a narrower layer has not give nothing to what it has.

    Parts of the input that it lacks altogether, such as a mask beside a picture, stay.
    """
    if layer.groups > 1:
        return
    rows = _places(layer.out_segments, narrow.out_segments)
    columns = _places(layer.in_segments, narrow.in_segments)
    entering = torch.zeros(layer.in_channels, dtype=torch.bool)
    entering[: sum(layer.in_segments[: len(narrow.in_segments)])] = True
    entering[columns] = False
    part = layer.weight[rows]
    part[:, entering] = 0
    layer.weight[rows] = part


def _take(layer: ElasticConv2d, given: ElasticConv2d) -> None:
    """Take the weights that a layer has in common with another one."""
    rows, their_rows = _common(layer.out_segments, given.out_segments)
    if layer.groups > 1:
        layer.weight[rows] = given.weight[their_rows]
    else:
        columns, their_columns = _common(layer.in_segments, given.in_segments)
        layer.weight[rows[:, None], columns] = given.weight[their_rows[:, None], their_columns]
    if layer.bias is not None and given.bias is not None:
        layer.bias[rows] = given.bias[their_rows]


def _begin_norms(form: nn.Module, source: nn.Module) -> None:
    """Take the BatchNorm of another form; what is new passes its input on, where it can."""
    given = _norms(source)
    silent = {id(norm) for norm in _last_norms(form)}
    for name, (layer, segments) in _norms(form).items():
        if name in given:
            other, their_segments = given[name]
            own, theirs = _common(segments, their_segments)
            for key in ("weight", "bias", "running_mean", "running_var"):
                getattr(layer, key)[own] = getattr(other, key)[theirs]
        elif id(layer) in silent:
            nn.init.zeros_(layer.weight)


def _convolutions(module: nn.Module) -> dict[str, ElasticConv2d]:
    named = module.named_modules()
    return {name: part for name, part in named if isinstance(part, ElasticConv2d)}


def _norms(module: nn.Module) -> dict[str, _Norm]:
    """Return all BatchNorm layers by name; their channels are those of the convolution before."""
    found: dict[str, _Norm] = {}
    segments: Segments = ()
    for name, part in module.named_modules():
        if isinstance(part, ElasticConv2d):
            segments = part.out_segments
        elif isinstance(part, nn.BatchNorm2d):
            fits = sum(segments) == part.num_features
            found[name] = _Norm(part, segments if fits else (part.num_features,))
    return found


def _last_norms(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the last BatchNorm of every block around which its input passes."""
    for part in module.modules():
        if isinstance(part, Residual):
            yield part.bn2
        elif isinstance(part, InvertedResidual) and part.residual:
            yield cast("nn.Sequential", part.block[-1])[1]


def _places(full: Segments, small: Segments) -> Tensor:
    """Return where the channels of a layer are that a narrower one has too."""
    return _common(full, small)[0]


def _common(first: Segments, second: Segments) -> tuple[Tensor, Tensor]:
    """Return the channels that two layers have in common: their numbers in either."""
    places: tuple[list[int], list[int]] = ([], [])
    starts = [0, 0]
    for both in zip(first, second, strict=False):  # a part that one of them lacks is in neither
        for place, start in zip(places, starts, strict=True):
            place.extend(range(start, start + min(both)))
        starts = [start + size for start, size in zip(starts, both, strict=True)]
    return torch.tensor(places[0]), torch.tensor(places[1])

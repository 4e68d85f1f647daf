"""Train what only wider rows have, while the narrower ones stay as they are.

Rows share their weights: training that helps a wide row moves the narrow ones too, for better or
worse. A wide row that began as a narrow one (see ``growth``) can learn by its own channels and its
own BatchNorm alone.
"""

import torch
from torch import Tensor, nn

from pocketmatte.training.elastic import Elastic


class Held:
    """The shared weights that a row is made of, as they were.

    Args:
        elastic: The network, on the device that it is trained on.
        row: The row; those below it are made of parts of the same weights.
    """

    def __init__(self, elastic: Elastic, row: str) -> None:
        self._kept = [
            (parameter, places, parameter.detach()[places].clone())
            for parameter, places in _places(elastic, row)
        ]

    def shield(self) -> None:
        """Take the gradient from the weights that are held, so that it does not count."""
        for parameter, places, _ in self._kept:
            if parameter.grad is not None:
                parameter.grad[places] = 0

    @torch.no_grad()
    def restore(self) -> None:
        """Undo what a step did to them: weight decay, and momentum from before."""
        for parameter, places, values in self._kept:
            parameter[places] = values


def _places(elastic: Elastic, row: str) -> list[tuple[nn.Parameter, Tensor]]:
    """Return each shared parameter of a row, and a mask of its shape: which of it the row has."""
    whole = dict(elastic.forms[elastic.full].named_parameters())
    if row == elastic.full:
        return [(each, torch.ones_like(each, dtype=torch.bool)) for each in whole.values()]
    found = []
    for key, numbers in elastic.slices_of(row, _numbered(whole)).items():
        places = torch.zeros(whole[key].numel(), dtype=torch.bool, device=whole[key].device)
        places[numbers.flatten()] = True
        found.append((whole[key], places.view_as(whole[key])))
    return found


def _numbered(parameters: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return the numbers of each parameter's values."""
    return {
        key: torch.arange(each.numel(), device=each.device).view(each.shape)
        for key, each in parameters.items()
    }

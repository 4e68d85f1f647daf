"""What a training begins with instead of random weights."""

import dataclasses
from pathlib import Path

from pocketmatte.training.elastic import Elastic
from pocketmatte.training.finishing import opened
from pocketmatte.training.tasks import task_of
from tiers.checkpoint import read_safetensors
from tiers.errors import CheckpointError
from tiers.weights import load


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """Trained weights; see ``growth.begin_as``.

    Attributes:
        elastic: The network that is trained, or another one with an encoder of its kind.
        sha256: Of the weights, see ``tiers.weights.Weights``.
        licence: As the file has it.
    """

    elastic: Elastic
    sha256: str
    licence: str


def start_of(path: Path) -> Start:
    """Open an elastic checkpoint of any network.

    Raises:
        CheckpointError: If it is none, or damaged.
    """
    _, metadata = read_safetensors(path)
    network = metadata.get("network")
    if network is None:
        msg = f"{path} does not say which network it is of; give an elastic checkpoint"
        raise CheckpointError(msg)
    weights = load(path, network)
    elastic = opened(task_of(network), path)
    return Start(elastic=elastic, sha256=weights.sha256, licence=weights.licence)

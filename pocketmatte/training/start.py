"""What a training begins with instead of random weights."""

import dataclasses
from pathlib import Path

from pocketmatte.training.elastic import Elastic
from pocketmatte.training.finishing import opened
from pocketmatte.training.growth import begin_as
from pocketmatte.training.tasks import task_of
from tiers.checkpoint import read_safetensors
from tiers.errors import CheckpointError, UsageError
from tiers.weights import load


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """Trained weights; see ``growth.begin_as``.

    Attributes:
        elastic: The network that is trained, or another one with an encoder of its kind.
        made_of: Digest of the weights, see ``tiers.weights.Weights``, and the row that was asked.
        licence: As the file has it.
    """

    elastic: Elastic
    made_of: str
    licence: str


def start_of(asked: str) -> Start:
    """Open an elastic checkpoint of any network.

    Args:
        asked: The file; ``ROW=FILE`` leaves out the rows that are wider than that one.

    Raises:
        CheckpointError: If it is none, or damaged.
        UsageError: If it has no such row.
    """
    row, equals, name = asked.partition("=")
    if not equals or Path(asked).exists():
        row, name = "", asked
    path = Path(name)
    _, metadata = read_safetensors(path)
    network = metadata.get("network")
    if network is None:
        msg = f"{path} does not say which network it is of; give an elastic checkpoint"
        raise CheckpointError(msg)
    weights = load(path, network)
    task = task_of(network)
    elastic = opened(task, path)
    if row:
        if row not in elastic.specs:
            msg = f"{path} has no row {row!r}; it has {', '.join(elastic.specs)}"
            raise UsageError(msg)
        whole, elastic = elastic, Elastic(task, row)
        begin_as(elastic, whole)
    taken = f"{row}={weights.sha256}" if row else weights.sha256
    return Start(elastic=elastic, made_of=taken, licence=weights.licence)

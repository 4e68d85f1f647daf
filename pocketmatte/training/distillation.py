"""A teacher of the user's own, whose predictions the narrower rows are drawn to."""

from pathlib import Path

from torch import Tensor, nn

from export.program import fold_batch_norm
from pocketmatte.training.task import Task, Tensors
from tiers.errors import UsageError
from tiers.ladder import tier
from tiers.weights import Weights, load, network_of, own_rows


class Teacher(nn.Module):
    """One row of a task's network with weights that stay as they are.

    Args:
        form: The row's, see ``Task.form``.
        weights: Those that it has.
    """

    def __init__(self, form: nn.Module, weights: Weights) -> None:
        super().__init__()
        self.sha256, self.licence = weights.sha256, weights.licence
        self.form = fold_batch_norm(form.eval()).requires_grad_(requires_grad=False)
        self.eval()

    def forward(self, batch: Tensors, ratio: float) -> dict[str, Tensor]:
        """Predict what ``Task.form`` of the row predicts."""
        predicted: dict[str, Tensor] = self.form(batch, ratio)
        return predicted


def teacher_of(task: Task, asked: str) -> Teacher:
    """Return the teacher that ``ROW=FILE`` names.

    Args:
        task: The network's.
        asked: A row's name and a weight file: an elastic checkpoint that reaches the row, or
            weights of its own architecture, such as an imported official checkpoint.

    Raises:
        UsageError: If ``asked`` has another form, the network has no such row, or the row does
            not predict what the rows that are trained do.
        CheckpointError: If the file is damaged or does not fit the row.
    """
    row, _, path = asked.partition("=")
    if not row or not path:
        msg = f"--teacher is {asked!r}; give ROW=FILE, such as t08=official.safetensors"
        raise UsageError(msg)
    spec = tier(task.network, row)
    weights = load(Path(path), task.network)
    network = network_of(spec, weights)
    try:
        form = task.form(spec)
    except (TypeError, ValueError) as error:
        msg = (
            f"{row} of {task.network} is the official network, which does not predict what "
            f"training compares; take one of {', '.join(own_rows(task.network))}"
        )
        raise UsageError(msg) from error
    form.get_submodule("network").load_state_dict(network.state_dict())
    return Teacher(form, weights)

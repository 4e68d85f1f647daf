"""``pocketmatte tiers``: what the ladders hold and what each row costs."""

from typing import Annotated

import typer

from pocketmatte.console import JsonFlag, emit, table
from tiers.ladder import LADDERS, ladder


def tiers(
    network: Annotated[
        str | None, typer.Argument(help="Name of a network; all when left out.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the twelve tiers of a network with what one frame costs.

    GMACs count the multiply-accumulates of convolutions and matrix products; parameters count all
    of the network, its training-only heads included, as publications do.

    Examples:
        pocketmatte tiers rvm

        pocketmatte tiers --json
    """
    names = [network] if network is not None else list(LADDERS)
    specs = [spec for name in names for spec in ladder(name).values()]
    from tiers.cost import cost  # PyTorch is loaded only once the request is known to be right

    rows = []
    for spec in specs:
        counted = cost(spec)
        rows.append(
            {
                "network": spec.network,
                "tier": spec.name,
                "device_class": spec.device_class,
                "working_hw": list(spec.working_hw),
                "output_hw": list(spec.output_hw),
                "recipe": spec.recipe,
                "weights_of": spec.weights_of,
                "gmacs": counted.gmacs,
                "params": counted.params,
                "state_bytes": counted.state_bytes,
                "peak_activation_bytes": counted.peak_activation_bytes,
            }
        )
    columns = ("network", "tier", "working", "output", "GMACs", "params M", "state MB",
               "activations MB", "for")  # fmt: skip
    cells = [
        (
            row["network"],
            row["tier"],
            f"{spec.working_hw[1]}x{spec.working_hw[0]}",
            f"{spec.output_hw[1]}x{spec.output_hw[0]}",
            f"{cost(spec).gmacs:.3f}",
            f"{cost(spec).params / 1e6:.3f}",
            f"{cost(spec).state_bytes / 1e6:.2f}",
            f"{cost(spec).peak_activation_bytes / 1e6:.1f}",
            spec.device_class,
        )
        for row, spec in zip(rows, specs, strict=True)
    ]
    emit(rows, table("", columns, cells), as_json=as_json)

"""``pocketmatte parity``: one file against PyTorch, or another file, value by value."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export.recipe import recipe as recipe_of
from pocketmatte.console import Done, JsonFlag, finish, note, require_at_least, table
from tiers.errors import BundleError, UsageError

if TYPE_CHECKING:
    from export.manifest import Artifact
    from pocketmatte.bisect import Parting
    from pocketmatte.taps.protocol import Taps

# Relative to a value's largest magnitude: above what rounding leaves in the deepest rows, below
# what a wrong weight or resize mode does.
_LIMITS = {"float32": 1e-3, "float16": 0.1}


def parity(
    file: Annotated[Path, typer.Argument(help="A file of a bundle: .onnx or .mlpackage.")],
    against: Annotated[
        Path | None,
        typer.Option(help="Another file of the bundle with the same program; else PyTorch."),
    ] = None,
    bisect: Annotated[
        bool, typer.Option("--bisect", help="Name the first operation at which the two part.")
    ] = False,
    call: Annotated[
        int | None,
        typer.Option(
            help="Which run of the program in the standard scene to look at; the second, or the "
            "only one, when left out."
        ),
    ] = None,
    limit: Annotated[
        float | None,
        typer.Option(help="Largest difference, relative to a value's largest magnitude."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare one run of one file with PyTorch, or with another file of the same program.

    Both get the same inputs: those of a moving photograph, with PyTorch's states. Without --bisect
    the outputs are compared; with it, also the values between, by the names that the exporters
    carry over from the captured program, and the first operation that differs by more than the
    limit is named. The default limit is 1e-3, and 0.1 where a file is in half precision. Core ML
    packages are evaluated operation by operation. ExecuTorch files show no value between inputs and
    outputs: look into the .onnx or .mlpackage of the same program. Exits with 1 where the two part.

    Examples:
        pocketmatte parity build/bundle/rvm/t04/matte-fp16.mlpackage

        pocketmatte parity build/bundle/rvm/t04/matte-fp32.onnx --bisect

        pocketmatte parity b/rvm/t04/matte-fp32.onnx --against b/rvm/t04/matte-fp32.mlpackage
    """
    finish(parted(file, against, bisect, call, limit), as_json=as_json)


def parted(
    file: Path, against: Path | None, bisect: bool, call: int | None, limit: float | None
) -> Done:
    """Compare, and say where the two part."""
    if call is not None:
        require_at_least("--call", call)
    if limit is not None and not limit > 0:
        msg = f"--limit is {limit}; it must be above 0"
        raise UsageError(msg)
    from pocketmatte.bisect import compared, first_parting
    from pocketmatte.integrity import fault
    from pocketmatte.taps.subject import entry_of, require_taps, subject, taps_of

    given = [entry_of(path) for path in (file, against) if path is not None]
    for _, entry in given:
        require_taps(entry)
    if against is not None:
        _require_same(*(entry for _, entry in given))
    held_to = limit or max(_LIMITS[recipe_of(entry.recipe).dtype] for _, entry in given)
    one = subject(file, call)
    candidate = taps_of(one.entry, one.path, one.contract)
    reference: Taps = one.reference
    name = "PyTorch"
    if against is not None:
        root, other = given[1]
        reference = taps_of(other, root / other.path, one.contract)
        name = other.path
    outputs = [tensor.name for tensor in one.contract.outputs]
    held = [name for name in outputs if name in reference.kinds and name in candidate.kinds]
    rows = compared(reference, candidate, one.inputs, held)
    if missing := set(outputs).difference(row.name for row in rows):
        msg = (
            f"{one.entry.path} and {name} cannot be compared: {', '.join(sorted(missing))} is "
            "missing or of another shape in one of them; build it again"
        )
        raise BundleError(msg)
    for root, entry in given:
        if reason := fault(root, entry):
            note(f"{entry.path}: {reason}; compared as it is")
    found = first_parting(reference, candidate, one.inputs, held_to) if bisect else None
    passed = all(row.relative <= held_to for row in rows) and (found is None or found.first is None)
    result = {
        "file": one.entry.path,
        "against": name,
        "call": one.call,
        "limit": held_to,
        "passed": passed,
        "outputs": rows,
        "parting": found,
    }
    cells = [(row.name, row.operation, f"{row.max_abs:.1e}", f"{row.relative:.1e}") for row in rows]
    if found is not None:
        note(_sentence(found, one.entry.path, name, held_to))
    columns = ("output", "operation", "max abs", "relative")
    return Done(result=result, table=table("", columns, cells), passed=passed)


def _require_same(one: "Artifact", other: "Artifact") -> None:
    """Refuse to compare files of different programs.

    Raises:
        UsageError: With both.
    """
    same = ("network", "tier", "program", "frame", "weights_digest")
    if any(getattr(one, field) != getattr(other, field) for field in same):
        msg = (
            f"{one.path} and {other.path} are not the same program of one size with the same "
            "weights; give two files of one program"
        )
        raise UsageError(msg)


def _sentence(found: "Parting", file: str, against: str, limit: float) -> str:
    if found.first is None:
        return (
            f"{file} and {against} do not part: of {found.values} values that both have, those "
            f"looked at differ by {found.largest:.1e} at most; the limit is {limit:.1e}"
        )
    before = ""
    if found.before is not None:
        before = f"; {found.before.name} before it differs by {found.before.relative:.1e}"
    return (
        f"{file} parts from {against} at {found.first.name} ({found.first.operation}): it differs "
        f"by {found.first.relative:.1e} of its size, the limit is {limit:.1e}{before}"
    )

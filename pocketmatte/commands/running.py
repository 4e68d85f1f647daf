"""The options of ``matte`` and ``evaluate`` that say what runs a tier."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from export.recipe import RECIPES
from export.recipe import recipe as recipe_of
from export.targets import TARGETS
from pocketmatte.console import progress, require_at_least
from pocketmatte.request import Request
from tiers.errors import ExportError, UsageError
from tiers.spec import TierSpec

if TYPE_CHECKING:
    from export.manifest import Weights
    from pocketmatte.runtimes.protocol import Session

# runtime -> the format whose files it runs, of several the first; PyTorch runs networks, not files
_FIRST_FORMATS = {row.runtime: row.name for row in reversed(list(TARGETS.values()))}
RUNTIME_FORMATS: Mapping[str, str | None] = MappingProxyType(
    {"torch": None, **dict(reversed(_FIRST_FORMATS.items()))}
)

RuntimeOption = Annotated[str, typer.Option("--runtime", help=", ".join(RUNTIME_FORMATS) + ".")]
BundleOption = Annotated[
    Path | None, typer.Option(help="Take the file from this bundle; see pocketmatte build.")
]
RecipeOption = Annotated[str, typer.Option(help=f"Of the file: {', '.join(RECIPES)}.")]
ThreadsOption = Annotated[int, typer.Option(help="Threads of the runtime.")]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What runs a tier.

    Attributes:
        runtime: A key of ``RUNTIME_FORMATS``.
        recipe: Of the file.
        bundle: Where the file is.
        weights: A weight file, or ``None`` for the shipped ones.
        threads: Of the runtime.
    """

    runtime: str
    recipe: str
    bundle: Path | None
    weights: Path | None
    threads: int

    def __post_init__(self) -> None:
        """Refuse options that do not exist or do not go together.

        Raises:
            UsageError: If a name is unknown, or an option would have no effect.
        """
        if self.runtime not in RUNTIME_FORMATS:
            msg = f"no runtime {self.runtime!r}; there are {', '.join(RUNTIME_FORMATS)}"
            raise UsageError(msg)
        recipe_of(self.recipe)
        require_at_least("--threads", self.threads)
        if self.form is None and self.bundle is not None:
            msg = "--bundle holds files, which torch does not run; choose another --runtime"
            raise UsageError(msg)
        if self.form is None and self.recipe != "fp32":
            msg = f"--recipe {self.recipe} is of files; --runtime torch runs fp32"
            raise UsageError(msg)
        if self.bundle is not None and self.weights is not None:
            msg = "--weights and --bundle exclude each other: a bundle's files hold their weights"
            raise UsageError(msg)

    @property
    def form(self) -> str | None:
        """The format of the runtime's files; ``None`` for PyTorch."""
        return RUNTIME_FORMATS[self.runtime]


@contextlib.contextmanager
def opened(choice: Choice, spec: TierSpec, build_in: Path) -> "Iterator[tuple[Session, Weights]]":
    """Open a tier as chosen and say which weights it holds.

    Without a bundle, the file is first built in ``build_in``.

    Raises:
        PocketMatteError: If weights, bundle or file will not do.
    """
    from pocketmatte.bundle import described
    from pocketmatte.sessions import file_session, torch_session, weights_for

    if choice.form is None:
        weights = weights_for(spec, choice.weights)
        yield torch_session(spec, weights, choice.threads), described(weights)
        return
    bundle = choice.bundle
    if bundle is None:
        bundle = build_in
        _build(bundle, spec, choice.form, choice)
    with file_session(bundle, spec, choice.form, choice.recipe, choice.threads) as held:
        yield held


def _build(out: Path, spec: TierSpec, form: str, choice: Choice) -> None:
    from pocketmatte.build import build
    from pocketmatte.sessions import weights_for

    weights_for(
        spec, choice.weights
    )  # a tier without trained weights is refused before it is built
    request = Request(
        network=spec.network, tiers=(spec.name,), formats=(form,), recipes=(choice.recipe,),
        orientation=spec.orientation, weights=choice.weights,
    )  # fmt: skip
    with progress(1, "building") as advance:
        for event in build(out, request):
            advance(event.path)
            if event.outcome == "failed":
                raise ExportError(event.reason)

"""What could be shipped of one network: every tier, format and recipe, and what is out anyway."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from export.recipe import RECIPES
from pocketmatte.selection.held import Artifact, Held
from pocketmatte.selection.networks import PROGRAMS
from pocketmatte.selection.policy import Rules
from pocketmatte.selection.rows import Platform

MEGA = 1e6
REFERENCE = "fp32"
UNVERIFIED = "not run"
_WORST = {
    status: place
    for place, status in enumerate(("failed", UNVERIFIED, "checked", "evaluated", "proven"))
}

Number: TypeAlias = str | int | float | bool | None
Numbers: TypeAlias = Mapping[str, Number]
Key: TypeAlias = tuple[str, str, str]  # tier, format, recipe


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """Why an alternative is out.

    Attributes:
        reason: A code of docs/selection.md.
        numbers: What was found and what is asked, by name.
    """

    reason: str
    numbers: Numbers = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """All programs of a network in one tier, format and recipe.

    Attributes:
        network, tier, format, recipe: What it is.
        files: By program, in the order of their calls.
        missing: Programs that the bundle holds no file of.
        status: The worst that ``verify`` found of its files; ``not run`` where it did not.
        psnr_db: Of the judged output; infinite where nothing differs, ``None`` where not measured.
        smaller: Bytes in single precision over these; ``None`` where that is not built.
        host_faster: Likewise of the time on the machine that ran ``bench``.
    """

    network: str
    tier: str
    format: str
    recipe: str
    files: Mapping[str, Artifact]
    missing: tuple[str, ...]
    status: str
    psnr_db: float | None
    smaller: float | None = None
    host_faster: float | None = None

    @property
    def key(self) -> Key:
        """Tier, format and recipe."""
        return self.tier, self.format, self.recipe

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return _size_bytes(self.files)

    @property
    def eight_bit(self) -> bool:
        """Whether its recipe must pay for itself."""
        return _eight_bit(self.recipe)


def candidates_of(held: Held, network: str, orientation: str) -> list[Candidate]:
    """Return what a bundle holds of a network, by tier, format and recipe."""
    together: dict[Key, dict[str, Artifact]] = {}
    for entry in held.artifacts.values():
        if entry.network == network and entry.frame.orientation == orientation:
            key = entry.tier, entry.format, entry.recipe
            together.setdefault(key, {})[entry.program] = entry
    return [
        _candidate(held, network, key, together[key], together.get((*key[:2], REFERENCE)))
        for key in sorted(together)
    ]


def _candidate(
    held: Held,
    network: str,
    key: Key,
    files: Mapping[str, Artifact],
    reference: Mapping[str, Artifact] | None,
) -> Candidate:
    called = _called(network, files)
    verdicts = [held.verdicts.get(entry.sha256) for entry in called.values()]
    states = [UNVERIFIED if each is None else each.status for each in verdicts]
    psnr_db = None
    for each in verdicts:
        parity = each.parity if each else None
        if parity and parity.judged and parity.judged in parity.psnr_db:
            value = parity.psnr_db[parity.judged]
            psnr_db = float("inf") if value is None else value
    missing = tuple(name for name in PROGRAMS[network] if name not in files)
    smaller = host_faster = None
    if _eight_bit(key[2]) and reference is not None and not missing:
        smaller, host_faster = _beside(held, called, _called(network, reference))
    return Candidate(
        network=network, tier=key[0], format=key[1], recipe=key[2], files=called, missing=missing,
        status=min(states, key=_WORST.__getitem__, default=UNVERIFIED), psnr_db=psnr_db,
        smaller=smaller, host_faster=host_faster,
    )  # fmt: skip


def _called(network: str, files: Mapping[str, Artifact]) -> dict[str, Artifact]:
    """Return files by program, in the order of their calls."""
    return {program: files[program] for program in PROGRAMS[network] if program in files}


def _beside(
    held: Held, files: Mapping[str, Artifact], reference: Mapping[str, Artifact]
) -> tuple[float | None, float | None]:
    """Return how many times as large, and as slow on the host, a whole reference is."""
    if len(reference) < len(files):
        return None, None
    size_bytes, before, after = _size_bytes(files), _host_ms(held, reference), _host_ms(held, files)
    smaller = _size_bytes(reference) / size_bytes if size_bytes else None
    return smaller, before / after if before is not None and after else None


def _eight_bit(recipe: str) -> bool:
    return recipe in RECIPES and not RECIPES[recipe].floating


def _size_bytes(files: Mapping[str, Artifact]) -> int:
    return sum(entry.size_bytes for entry in files.values())


def _host_ms(held: Held, files: Mapping[str, Artifact]) -> float | None:
    times = [held.host_ms.get(entry.sha256) for entry in files.values()]
    return None if None in times else sum(time for time in times if time is not None)


_FORMAT = Ruling(reason="format_not_allowed")
_RECIPE = Ruling(reason="recipe_not_allowed")


def ruled_out(each: Candidate, rules: Rules, platform: Platform) -> Ruling | None:
    """Return the first reason why no device of a platform may have it, or ``None``."""
    return next(_rulings(each, rules, platform), None)


def _rulings(each: Candidate, rules: Rules, platform: Platform) -> Iterator[Ruling]:
    if each.format not in rules.formats[platform]:
        yield _FORMAT
    if each.recipe not in rules.recipes:
        yield _RECIPE
    if each.missing:
        yield Ruling(reason="incomplete", numbers={"missing": ", ".join(each.missing)})
    if each.tier < rules.minimum_tier:
        yield Ruling(reason="below_floor", numbers={"minimum_tier": rules.minimum_tier})
    if each.status == "failed":
        yield Ruling(reason="verify_failed")
    if each.status in (UNVERIFIED, "checked") and not rules.allow_unverified:
        yield Ruling(reason="not_verified", numbers={"status": each.status})
    if rules.least_psnr_db is not None:
        limit = {"least_psnr_db": rules.least_psnr_db}
        if each.psnr_db is None:
            yield Ruling(reason="quality_not_measured", numbers=limit)
        elif each.psnr_db < rules.least_psnr_db:
            yield Ruling(reason="quality_too_low", numbers={"psnr_db": each.psnr_db, **limit})
    if rules.download_mb is not None and each.size_bytes > rules.download_mb * MEGA:
        numbers = {"download_mb": each.size_bytes / MEGA, "limit_mb": rules.download_mb}
        yield Ruling(reason="download_too_large", numbers=numbers)


def listed_order(each: Candidate, rules: Rules, platform: Platform) -> tuple[int, int]:
    """Return where its format and recipe stand in the policy."""
    return _place(rules.formats[platform], each.format), _place(rules.recipes, each.recipe)


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)

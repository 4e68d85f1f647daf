"""What could be shipped of one network: every tier, format and recipe, and what is out anyway."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from export.recipe import RECIPES
from pocketmatte.selection.held import Artifact, Held, group_of
from pocketmatte.selection.policy import Rules
from pocketmatte.selection.rows import Platform
from tiers.contract_table import PROGRAMS
from tiers.ladder import LADDERS

MEGA = 1e6
REFERENCE = "fp32"
UNVERIFIED = "not run"

Number: TypeAlias = str | int | float | bool | None
Numbers: TypeAlias = Mapping[str, Number]


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
    def key(self) -> tuple[str, str, str]:
        """Tier, format and recipe."""
        return self.tier, self.format, self.recipe

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(entry.size_bytes for entry in self.files.values())

    @property
    def eight_bit(self) -> bool:
        """Whether its recipe must pay for itself."""
        return self.recipe in RECIPES and not RECIPES[self.recipe].floating


def candidates_of(held: Held, network: str, orientation: str) -> list[Candidate]:
    """Return what a bundle holds of a network, by tier, format and recipe."""
    together: dict[tuple[str, ...], dict[str, Artifact]] = {}
    for entry in held.artifacts.values():
        if entry.network == network and entry.frame.orientation == orientation:
            together.setdefault(group_of(entry), {})[entry.program] = entry
    made = [_candidate(held, network, key, files) for key, files in sorted(together.items())]
    by_key = {each.key: each for each in made}
    return [_beside(held, each, by_key.get((each.tier, each.format, REFERENCE))) for each in made]


def _candidate(
    held: Held, network: str, key: tuple[str, ...], files: Mapping[str, Artifact]
) -> Candidate:
    called = [program for program in PROGRAMS[network] if program in files]
    verdicts = [held.verdicts.get(files[program].sha256) for program in called]
    states = [UNVERIFIED if each is None else each.status for each in verdicts]
    worst = ("failed", UNVERIFIED, "checked", "evaluated", "proven")
    psnr_db = None
    for each in verdicts:
        parity = each.parity if each else None
        if parity and parity.judged and parity.judged in parity.psnr_db:
            value = parity.psnr_db[parity.judged]
            psnr_db = float("inf") if value is None else value
    return Candidate(
        network=network, tier=key[1], format=key[2], recipe=key[3],
        files={program: files[program] for program in called},
        missing=tuple(name for name in PROGRAMS[network] if name not in files),
        status=min(states, key=worst.index, default=UNVERIFIED), psnr_db=psnr_db,
    )  # fmt: skip


def _beside(held: Held, each: Candidate, reference: Candidate | None) -> Candidate:
    if not each.eight_bit or reference is None or each.missing or reference.missing:
        return each
    smaller = reference.size_bytes / each.size_bytes if each.size_bytes else None
    before, after = _host_ms(held, reference), _host_ms(held, each)
    faster = before / after if before is not None and after else None
    return dataclasses.replace(each, smaller=smaller, host_faster=faster)


def _host_ms(held: Held, each: Candidate) -> float | None:
    times = [held.host_ms.get(entry.sha256) for entry in each.files.values()]
    return None if None in times else sum(time for time in times if time is not None)


def tiers_of(network: str) -> tuple[str, ...]:
    """Return the names of the tiers of a network, from small to large."""
    return tuple(LADDERS[network])


def ruled_out(each: Candidate, rules: Rules, platform: Platform) -> Ruling | None:
    """Return the first reason why no device of a platform may have it, or ``None``."""
    return next(_rulings(each, rules, platform), None)


def _rulings(each: Candidate, rules: Rules, platform: Platform) -> Iterator[Ruling]:
    if each.format not in rules.formats[platform]:
        yield Ruling(reason="format_not_allowed")
    if each.recipe not in rules.recipes:
        yield Ruling(reason="recipe_not_allowed")
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

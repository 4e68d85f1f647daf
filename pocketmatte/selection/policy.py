"""What an app asks of a choice: a policy file, read and held to its rules."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from export.recipe import RECIPES
from pocketmatte.selection.held import Orientation
from pocketmatte.selection.json_files import read_bytes
from pocketmatte.selection.networks import NETWORKS
from pocketmatte.selection.rows import PLATFORMS
from pocketmatte.selection.shapes import Match, MisfitError, Within, parsed, refuse, shown
from tiers.errors import UsageError

Process: TypeAlias = Literal["app_foreground", "adb_shell"]
Prior: TypeAlias = Literal["none", "roofline"]
Preference: TypeAlias = Literal["speed", "size", "listed"]
Tier: TypeAlias = Annotated[str, Match("t0[1-9]|t1[0-2]", "be one of t01 to t12")]
# 1 h a frame and 1 TB are more than any phone has
Milliseconds: TypeAlias = Annotated[float, Within(0.001, 3.6e6)]
Megabytes: TypeAlias = Annotated[float, Within(0.001, 1e6)]
FramesPerSecond: TypeAlias = Annotated[float, Within(0.001, 1e4)]
Decibels: TypeAlias = Annotated[float, Within(0, 1000)]

PRIORS: tuple[Prior, ...] = ("none", "roofline")
FORMATS = ("executorch", "coreml", "onnx", "coreml-stateful", "coreml-image", "coreai")
_MOST_BYTES = 2**20
_WHOLE = ("schema_version", "networks", "prior")  # said of no single network


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What holds for one network.

    Attributes:
        formats: That a platform may be given, best first where nothing else decides.
        recipes: That may be taken, likewise.
        orientation: Of the frames.
        process: Whose results count in full; those of a shell stand in for those of an app, as
            weaker evidence, where a class has none of an app.
        frame_ms: Largest 95th percentile of a whole frame; ``None`` for any, as with the others.
        memory_mb: Most memory that a run came to, in 1e6 bytes.
        download_mb: Most that the files of this network come to for one device, in 1e6 bytes.
        least_psnr_db: Least PSNR of the judged output against PyTorch, as ``verify`` found it.
        minimum_tier: Lowest that is worth having.
        prefer: Of several files of one tier: the fastest that was measured, the smallest, or the
            first by ``formats`` and ``recipes``.
        allow_unverified: Whether files that ``verify`` did not run may be taken.
        require_measurement: Whether a tier without a valid result is never taken.
        beyond_measured: Whether a tier above all that were measured on a class may be taken.
        optional: Whether a device may go without this network.
    """

    formats: Mapping[str, tuple[str, ...]]
    recipes: tuple[str, ...]
    orientation: Orientation
    process: Process
    frame_ms: Milliseconds | None
    memory_mb: Megabytes | None
    download_mb: Megabytes | None
    least_psnr_db: Decibels | None
    minimum_tier: Tier
    prefer: Preference
    allow_unverified: bool
    require_measurement: bool
    beyond_measured: bool
    optional: bool


USUAL = Rules(
    formats=MappingProxyType(
        {"android": ("executorch",), "ios": ("coreml",), "ipados": ("coreml",)}
    ),
    recipes=("fp16", "w8a8", "w8", "fp32"),
    orientation="landscape",
    process="app_foreground",
    frame_ms=None,
    memory_mb=None,
    download_mb=None,
    least_psnr_db=None,
    minimum_tier="t01",
    prefer="speed",
    allow_unverified=False,
    require_measurement=False,
    beyond_measured=False,
    optional=False,
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a policy file, or options of a command, say; ``None`` is not said. See ``Rules``.

    Attributes:
        frames_per_second: Another way to say ``frame_ms``.
    """

    formats: Mapping[str, tuple[str, ...]] | None = None
    recipes: tuple[str, ...] | None = None
    orientation: Orientation | None = None
    process: Process | None = None
    frame_ms: Milliseconds | None = None
    frames_per_second: FramesPerSecond | None = None
    memory_mb: Megabytes | None = None
    download_mb: Megabytes | None = None
    least_psnr_db: Decibels | None = None
    minimum_tier: Tier | None = None
    prefer: Preference | None = None
    allow_unverified: bool | None = None
    require_measurement: bool | None = None
    beyond_measured: bool | None = None
    optional: bool | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Top:
    schema_version: Literal[1]
    networks: tuple[str, ...] | None = None
    prior: Prior | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """A policy: what holds for all networks, and what for one in its place.

    Attributes:
        networks: That an app ships; ``None`` for all that a bundle holds.
        prior: Model of latencies for what nobody measured; ``None`` is not said, and means none.
        all: Of every network.
        own: By network.
    """

    networks: tuple[str, ...] | None = None
    prior: Prior | None = None
    all: Wanted = Wanted()
    own: Mapping[str, Wanted] = dataclasses.field(default_factory=dict)

    def rules(self, network: str, options: Wanted) -> Rules:
        """Return what holds for a network: what options say, else its own, else that of all."""
        made = USUAL
        for wanted in (self.all, self.own.get(network, Wanted()), options):
            made = _over(made, wanted)
        return made


def read_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        UsageError: If it is no TOML or breaks a rule; the message names the field.
        BundleError: If it cannot be read.
    """
    way_out = "give a policy file"
    data = read_bytes(path, "policy", way_out, _MOST_BYTES)
    import tomllib  # a choice without a policy does without it

    try:
        whole = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also no UTF-8, endless numbers and brackets
        msg = f"{path} is no TOML: {shown(str(error))}; mend that place"
        raise UsageError(msg) from error
    try:
        return policy_of(whole)
    except MisfitError as error:
        msg = f"{path} is no policy: {error}; mend that field"
        raise UsageError(msg) from error


def policy_of(whole: Mapping[str, Any]) -> Policy:
    """Return the policy that TOML holds.

    Raises:
        MisfitError: If it breaks a rule.
    """
    own = whole.get("network", {})
    if not isinstance(own, dict):
        refuse(f"it is {shown(own)}, not tables [network.NAME]", "network")
    top = {name: whole[name] for name in _WHOLE if name in whole}
    head = parsed(top, _Top, closed=True)
    _check_names(head.networks, NETWORKS, "networks")
    _check_names(tuple(own) or None, NETWORKS, "network")
    of_all = {name: each for name, each in whole.items() if name not in {*top, "network"}}
    return Policy(
        networks=head.networks, prior=head.prior, all=wanted_of(of_all),
        own={name: _own(name, each) for name, each in own.items()},
    )  # fmt: skip


def wanted_of(values: Mapping[str, Any]) -> Wanted:
    """Return what a table of a policy asks for.

    Raises:
        MisfitError: If a field is unknown, of another type, out of range, or holds an unknown name.
    """
    wanted = parsed(dict(values), Wanted, closed=True)
    if wanted.frame_ms is not None and wanted.frames_per_second is not None:
        refuse("give frame_ms or frames_per_second, not both", "frame_ms")
    _check_names(wanted.recipes, tuple(RECIPES), "recipes")
    if wanted.formats is not None:
        _check_names(tuple(wanted.formats), PLATFORMS, "formats")
        for platform, names in wanted.formats.items():
            _check_names(names, FORMATS, f"formats.{platform}")
    return wanted


def _own(name: str, values: object) -> Wanted:
    if not isinstance(values, dict):
        refuse(f"it is {shown(values)}, not a table", f"network.{name}")
    try:
        return wanted_of(values)
    except MisfitError as error:
        place = f"network.{name}"
        raise error.within(place) from None


def _over(rules: Rules, wanted: Wanted) -> Rules:
    said = {
        each.name: value
        for each in dataclasses.fields(Wanted)
        if each.name != "frames_per_second" and (value := getattr(wanted, each.name)) is not None
    }
    if wanted.frames_per_second is not None:
        said["frame_ms"] = 1000 / wanted.frames_per_second
    if "formats" in said:  # a platform that is left out keeps its own
        said["formats"] = MappingProxyType({**rules.formats, **said["formats"]})
    return dataclasses.replace(rules, **said)


def _check_names(names: Sequence[str] | None, known: Sequence[str], field: str) -> None:
    if names is None:
        return
    for name in names:
        if name not in known:
            refuse(f"no {shown(name)}; there are {', '.join(known)}", field)
    if not names or len(set(names)) < len(names):
        refuse("it must name one or more, each once", field)

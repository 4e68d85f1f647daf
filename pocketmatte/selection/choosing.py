"""Make a lock: what every class that is asked for gets of every network, and why."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from export.artifact import inside
from pocketmatte.selection.asked import Target, members, targets_of
from pocketmatte.selection.candidates import Candidate, Key, candidates_of
from pocketmatte.selection.classes import CLASSES, DeviceClass
from pocketmatte.selection.deciding import decide
from pocketmatte.selection.devices import table_sha256
from pocketmatte.selection.entries import Said, alternatives_of, choice_of
from pocketmatte.selection.held import Held, read_held
from pocketmatte.selection.judging import Question
from pocketmatte.selection.lock import (
    Asked,
    Group,
    Inputs,
    Lock,
    NetworkChoice,
    ResultUse,
    files_of,
)
from pocketmatte.selection.networks import NETWORKS
from pocketmatte.selection.policy import Policy, Process, Rules, Wanted
from pocketmatte.selection.rows import Platform
from tiers.errors import UsageError

if TYPE_CHECKING:  # a choice without results or a prior does without these
    from pocketmatte.selection.latency_prior import DeviceGroup, Estimate, LatencyPrior, PriorOf
    from pocketmatte.selection.runs import Run

_NOTHING = Wanted()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Network:
    name: str
    rules: Rules
    candidates: Mapping[Key, Candidate]
    runs: "Sequence[Run]"
    alternatives: Sequence[Key]


def select(
    root: Path,
    asked: Asked,
    *,
    policy: Policy,
    options: Wanted = _NOTHING,
    networks: Sequence[str] | None = None,
    results: Iterable[Path] = (),
    latency_prior: "LatencyPrior | None" = None,
    prior_of: "PriorOf | None" = None,
) -> Lock:
    """Choose what devices get, and say why.

    Args:
        root: The bundle.
        asked: For which devices.
        policy: What an app asks for.
        options: What outranks it.
        networks: That outrank its own; ``None`` for these.
        results: Files and folders of results of devices.
        latency_prior: A model of latencies, for what nobody measured.
        prior_of: Makes one from the runs of devices that count instead, see ``standing.telling``;
            one for each process that networks ask for.

    Raises:
        UsageError: If the bundle holds none of a network, or what is asked for is unknown.
        BundleError: If the bundle or a result is damaged.
    """
    lock = choose(
        read_held(root), _runs(results), asked, policy=policy, options=options, networks=networks,
        latency_prior=latency_prior, prior_of=prior_of,
    )  # fmt: skip
    _check_links(root, lock)
    return lock


def choose(
    held: Held,
    runs: "Sequence[Run]",
    asked: Asked,
    *,
    policy: Policy,
    options: Wanted = _NOTHING,
    networks: Sequence[str] | None = None,
    latency_prior: "LatencyPrior | None" = None,
    prior_of: "PriorOf | None" = None,
) -> Lock:
    """Choose from what a bundle says that it holds; see ``select``."""
    asked_networks = _networks(held, policy, networks)
    made = [_network(held, name, policy.rules(name, options), runs) for name in asked_networks]
    priors: dict[Process, LatencyPrior] = {}
    if prior_of is not None:
        priors = _priors(prior_of, held, runs, made)
        latency_prior = next(iter(priors.values()), None)
    targets, said = targets_of(asked), Said()
    choices: dict[tuple[str, str], list[NetworkChoice]] = {}
    for platform in dict.fromkeys(target.platform for target in targets):
        wanted = [t.device_class.tier for t in targets if t.platform == platform]
        for each in made:
            prior = priors.get(each.rules.process, latency_prior)
            decisions = decide(_question(each, platform, prior), min(wanted))
            for tier in wanted:
                choice = choice_of(each.name, each.alternatives, each.rules, decisions[tier], said)
                choices.setdefault((platform, tier), []).append(choice)
    return Lock(
        schema_version=1,
        asked=asked,
        inputs=Inputs(
            manifest_sha256=held.manifest_sha256,
            verdicts_sha256=held.verdicts_sha256,
            host_times_sha256=held.host_sha256,
            devices_sha256=table_sha256(),
            latency_prior=latency_prior.name if latency_prior else None,
        ),
        rules=MappingProxyType({each.name: each.rules for each in made}),
        results=tuple(_uses(runs, made)) if runs else (),
        groups=tuple(_group(t, choices[t.platform, t.device_class.tier]) for t in targets),
    )


def _priors(
    prior_of: "PriorOf", held: Held, runs: "Sequence[Run]", networks: Sequence[_Network]
) -> "dict[Process, LatencyPrior]":
    """Return a model for each process that is asked for: what a shell takes is no app's latency."""
    rules = {each.rules.process: each.rules for each in networks}
    if not runs:
        return dict.fromkeys(rules, prior_of(()))
    from pocketmatte.selection.standing import telling

    return {process: prior_of(telling(runs, each, held)) for process, each in rules.items()}


def _runs(results: Iterable[Path]) -> "tuple[Run, ...]":
    paths = tuple(results)
    if not paths:
        return ()
    from pocketmatte.selection.evidence import read_runs  # not needed by most build steps

    return read_runs(paths)


def _networks(held: Held, policy: Policy, networks: Sequence[str] | None) -> list[str]:
    there = {entry.network for entry in held.artifacts.values()}
    wanted = networks or policy.networks
    for name in wanted or ():
        if name not in there:
            listed = ", ".join(each for each in NETWORKS if each in there)
            msg = f"the bundle holds no {name}; it holds {listed}: build it, or leave it out"
            raise UsageError(msg)
    return [name for name in NETWORKS if name in (wanted or there)]


def _network(held: Held, name: str, rules: Rules, runs: "Sequence[Run]") -> _Network:
    found = candidates_of(held, name, rules.orientation)
    own = [run for run in runs if run.network == name and run.orientation == rules.orientation]
    candidates = {each.key: each for each in found}
    return _Network(
        name=name, rules=rules, candidates=candidates, runs=own,
        alternatives=alternatives_of(candidates),
    )  # fmt: skip


@functools.cache
def group_of(platform: Platform, device_class: DeviceClass) -> "DeviceGroup":
    """Return the devices of the table that fall to a class, each once."""
    from pocketmatte.selection.latency_prior import DeviceGroup

    rows = {device.name: device for _, device in members(platform, device_class.tier)}
    devices = tuple(rows.values())
    return DeviceGroup(platform=platform, device_class=device_class, devices=devices)


def _question(network: _Network, platform: Platform, prior: "LatencyPrior | None") -> Question:
    return Question(
        platform=platform, rules=network.rules, candidates=network.candidates, runs=network.runs,
        estimate=_no_estimate if prior is None else _estimate_of(prior, network.name, platform),
    )  # fmt: skip


def _no_estimate(_candidate: Candidate, _device_class: DeviceClass) -> None:
    """Estimate nothing."""


def _estimate_of(
    prior: "LatencyPrior", network: str, platform: Platform
) -> "Callable[[Candidate, DeviceClass], Estimate | None]":
    from pocketmatte.selection.latency_prior import checked

    groups = {each.tier: group_of(platform, each) for each in CLASSES}

    def estimate(candidate: Candidate, device_class: DeviceClass) -> "Estimate | None":
        group = groups[device_class.tier]
        return checked(prior, prior.estimate(network, *candidate.key, group))

    return estimate


def _uses(runs: "Sequence[Run]", networks: Sequence[_Network]) -> Iterable[ResultUse]:
    from pocketmatte.selection.standing import of_one_process, use_of

    reasons: dict[str, str | None] = {}
    for network in networks:
        found = {run.sha256: use_of(run, network.candidates, network.rules) for run in network.runs}
        reasons |= found
        counted = [run for run in network.runs if found[run.sha256] is None]
        for where in {(run.platform, run.device_class) for run in counted}:
            same = [run for run in counted if (run.platform, run.device_class) == where]
            kept = of_one_process(same, network.rules)
            reasons |= {run.sha256: "process" for run in same if run not in kept}
    for run in runs:
        yield ResultUse(
            sha256=run.sha256,
            run_id=run.run_id,
            network=run.network,
            tier=run.measured.tier,
            format=run.measured.format,
            recipe=run.measured.recipe,
            process=run.measured.process,
            status=run.measured.status,
            device=run.device,
            device_class=run.device_class.tier if run.device_class else None,
            p95_ms=run.measured.p95_ms,
            peak_bytes=run.measured.peak_bytes,
            reason=reasons.get(run.sha256, "not_asked_for"),
        )


def _group(target: Target, choices: Sequence[NetworkChoice]) -> Group:
    return Group(
        platform=target.platform, device_class=target.device_class.tier, devices=target.devices,
        why=target.why, choices=tuple(choices),
    )  # fmt: skip


def _check_links(root: Path, lock: Lock) -> None:
    """Refuse a file that is taken and lies, by a link, outside the bundle.

    Raises:
        BundleError: If there is one.
    """
    safe: set[str] = set()  # folders that lie inside, whatever links lead to them
    for file in files_of(lock):
        folder, _, _ = file.path.rpartition("/")
        linked = os.path.islink(f"{root}/{file.path}")  # noqa: PTH114 - Path refuses long names
        if linked or folder not in safe:
            inside(root, file.path)
        if not linked:
            safe.add(folder)

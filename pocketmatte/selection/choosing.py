"""Make a lock: what every class that is asked for gets of every network, and why."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from export.artifact import inside
from pocketmatte.selection.asked import Target, members, table_sha256, targets_of
from pocketmatte.selection.candidates import MEGA, Candidate, Ruling, candidates_of, tiers_of
from pocketmatte.selection.classes import DeviceClass
from pocketmatte.selection.deciding import Decision, decide
from pocketmatte.selection.held import Held, read_held
from pocketmatte.selection.judging import Allowed, Question
from pocketmatte.selection.latency_prior import DeviceGroup, Estimate, LatencyPrior, checked
from pocketmatte.selection.lock import (
    Asked,
    Basis,
    Delegate,
    EightBits,
    Evidence,
    Group,
    Inputs,
    Judged,
    Lock,
    LockedFile,
    NetworkChoice,
    ResultUse,
    RuledOut,
    Taken,
    files_of,
)
from pocketmatte.selection.policy import Policy, Rules, Wanted
from pocketmatte.selection.rows import Platform
from pocketmatte.selection.runs import Run
from pocketmatte.selection.standing import Key, of_one_process, use_of
from tiers.errors import UsageError
from tiers.ladder import LADDERS

_NOTHING = Wanted()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Network:
    name: str
    rules: Rules
    candidates: Mapping[Key, Candidate]
    runs: Sequence[Run]


def select(
    root: Path,
    asked: Asked,
    *,
    policy: Policy,
    options: Wanted = _NOTHING,
    networks: Sequence[str] | None = None,
    results: Iterable[Path] = (),
    latency_prior: LatencyPrior | None = None,
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

    Raises:
        UsageError: If the bundle holds none of a network, or what is asked for is unknown.
        BundleError: If the bundle or a result is damaged.
    """
    held, runs = read_held(root), _runs(results)
    asked_networks = _networks(held, policy, networks)
    made = [_network(held, name, policy.rules(name, options), runs) for name in asked_networks]
    targets = targets_of(asked)
    choices: dict[tuple[str, str], list[NetworkChoice]] = {}
    for platform in dict.fromkeys(target.platform for target in targets):
        wanted = [t.device_class.tier for t in targets if t.platform == platform]
        for each in made:
            decisions = decide(_question(each, platform, latency_prior), min(wanted))
            for tier in wanted:
                choice = _choice(each, decisions[tier])
                choices.setdefault((platform, tier), []).append(choice)
    lock = Lock(
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
        results=tuple(_uses(runs, made)),
        groups=tuple(_group(t, choices[t.platform, t.device_class.tier]) for t in targets),
    )
    _check_links(root, lock)
    return lock


def _runs(results: Iterable[Path]) -> tuple[Run, ...]:
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
            listed = ", ".join(each for each in LADDERS if each in there)
            msg = f"the bundle holds no {name}; it holds {listed}: build it, or leave it out"
            raise UsageError(msg)
    return [name for name in LADDERS if name in (wanted or there)]


def _network(held: Held, name: str, rules: Rules, runs: Sequence[Run]) -> _Network:
    found = candidates_of(held, name, rules.orientation)
    own = [run for run in runs if run.network == name and run.orientation == rules.orientation]
    return _Network(name=name, rules=rules, candidates={each.key: each for each in found}, runs=own)


def _question(network: _Network, platform: Platform, prior: LatencyPrior | None) -> Question:
    def estimate(candidate: Candidate, device_class: DeviceClass) -> Estimate | None:
        if prior is None:
            return None
        rows = {device.name: device for _, device in members(platform, device_class.tier)}
        devices = tuple(rows.values())
        group = DeviceGroup(platform=platform, device_class=device_class, devices=devices)
        return checked(prior, prior.estimate(network.name, *candidate.key, group))

    return Question(
        platform=platform, rules=network.rules, candidates=network.candidates, runs=network.runs,
        estimate=estimate,
    )  # fmt: skip


def _uses(runs: Sequence[Run], networks: Sequence[_Network]) -> Iterable[ResultUse]:
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


def _choice(network: _Network, decision: Decision) -> NetworkChoice:
    out = [
        RuledOut(tier=tier, format=form, recipe=recipe, reason=each.reason, numbers=each.numbers)
        for (tier, form, recipe), each in decision.out.items()
    ]
    built = {tier for tier, _, _ in network.candidates}
    not_built = Ruling(reason="not_built")
    out += [
        RuledOut(tier=tier, format=None, recipe=None, reason=not_built.reason, numbers={})
        for tier in tiers_of(network.name)
        if tier not in built
    ]
    out.sort(key=lambda each: (each.format or "", each.recipe or ""))
    out.sort(key=lambda each: each.tier, reverse=True)
    taken = None if decision.taken is None else _taken(decision.taken, network.rules)
    return NetworkChoice(network=network.name, taken=taken, ruled_out=tuple(out))


def _taken(allowed: Allowed, rules: Rules) -> Taken:
    candidate, standing = allowed.candidate, allowed.standing
    runs = standing.runs if standing else ()
    return Taken(
        tier=candidate.tier,
        format=candidate.format,
        recipe=candidate.recipe,
        delegate=_delegate(runs[0]) if runs else None,
        files=tuple(
            LockedFile(path=e.path, program=e.program, sha256=e.sha256, size_bytes=e.size_bytes)
            for e in candidate.files.values()
        ),
        verified=candidate.status,
        basis=_basis(allowed),
        measured_class=allowed.of_class.tier if allowed.of_class else None,
        process=runs[0].measured.process if runs else None,
        weak=standing.weak if standing else False,
        evidence=tuple(_evidence(run) for run in runs),
        frame_ms=_judged_ms(allowed, rules),
        memory_mb=_judged_mb(allowed, rules),
        eight_bits=_eight_bits(allowed),
    )


def _basis(allowed: Allowed) -> Basis:
    if allowed.standing is not None:
        return "measured" if allowed.direct else "measured_on_weaker_class"
    return "prior" if allowed.estimate is None else "estimate"


def _delegate(run: Run) -> Delegate:
    return Delegate(requested=run.delegate_requested, actual=run.delegate_actual)


def _evidence(run: Run) -> Evidence:
    return Evidence(
        run_id=run.run_id, sha256=run.sha256, device=run.device,
        p95_ms=run.measured.p95_ms, peak_bytes=run.measured.peak_bytes,
    )  # fmt: skip


def _judged_ms(allowed: Allowed, rules: Rules) -> Judged:
    measured = allowed.standing.p95_ms if allowed.standing else None
    if measured is None and allowed.estimate is not None and rules.frame_ms is not None:
        return Judged(limit=rules.frame_ms, value=allowed.estimate[2], state="estimated")
    return _judged(rules.frame_ms, measured)


def _judged_mb(allowed: Allowed, rules: Rules) -> Judged:
    peak_bytes = allowed.standing.peak_bytes if allowed.standing else None
    return _judged(rules.memory_mb, None if peak_bytes is None else peak_bytes / MEGA)


def _judged(limit: float | None, value: float | None) -> Judged:
    if limit is None:
        return Judged(limit=None, value=value, state="no limit")
    if value is None:
        return Judged(limit=limit, value=None, state="not judged: no measurement")
    return Judged(limit=limit, value=value, state="kept")


def _eight_bits(allowed: Allowed) -> EightBits | None:
    if not allowed.candidate.eight_bit:
        return None
    smaller = allowed.candidate.smaller
    return EightBits(smaller=smaller, faster=allowed.faster, faster_by=allowed.faster_by)


def _check_links(root: Path, lock: Lock) -> None:
    """Refuse a file that is taken and lies, by a link, outside the bundle.

    Raises:
        BundleError: If there is one.
    """
    for file in files_of(lock):
        inside(root, file.path)

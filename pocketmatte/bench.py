"""Host latency of a program: one recurrent step at a time, raw samples kept."""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pocketmatte.host import host_facts, pinned
from pocketmatte.runtimes.protocol import FloatArray, Runtime, Session
from pocketmatte.stepping import next_states
from tiers.contract import ProgramContract

MIN_SAMPLES = 5  # taken even where they last longer than the asked time


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """How long one step takes; plain values, ready for JSON.

    A step is one ``Session.run``: the runtime, and around it the casts, copies and input checks
    that every session of this project makes.

    Attributes:
        samples_ms: Every measured step, in order.
        p50_ms, p90_ms, p99_ms: Percentiles, linear between the two nearest samples.
        min_ms: The fastest step, which other load disturbs least.
        first_ms: The first step after loading, before any warm-up.
        load_ms: Time to load the file, where it was measured.
        warmups: Steps before the first sample, the first step included.
        threads_requested: As asked of the runtime.
        threads: As read back from it; ``None`` where it picks them itself.
        cores: The processor cores held to; ``None`` where the system has no affinity.
        runtime: The session's facts.
        host: The machine's facts.
    """

    samples_ms: tuple[float, ...]
    p50_ms: float
    p90_ms: float
    p99_ms: float
    min_ms: float
    first_ms: float
    load_ms: float | None
    warmups: int
    threads_requested: int
    threads: int | None
    cores: tuple[int, ...] | None
    runtime: Mapping[str, str | int]
    host: Mapping[str, str | int]


def timed_load(
    runtime: Runtime, path: Path, contract: ProgramContract, *, threads: int
) -> tuple[Session, float]:
    """Load a file and return its session and the time it took, in milliseconds."""
    start = time.perf_counter()
    session = runtime.load(path, contract, threads=threads)
    return session, (time.perf_counter() - start) * 1e3


def measure(
    session: Session,
    contract: ProgramContract,
    inputs: Mapping[str, FloatArray],
    *,
    warmups: int = 10,
    runs: int = 100,
    seconds: float = 10.0,
    load_ms: float | None = None,
) -> Latency:
    """Time one session; see ``interleaved``."""
    only = {"": session}
    loads = {} if load_ms is None else {"": load_ms}
    return interleaved(
        only, contract, inputs, warmups=warmups, runs=runs, seconds=seconds, load_ms=loads
    )[""]


def interleaved(
    sessions: Mapping[str, Session],
    contract: ProgramContract,
    inputs: Mapping[str, FloatArray],
    *,
    warmups: int = 10,
    runs: int = 100,
    seconds: float = 10.0,
    load_ms: Mapping[str, float] | None = None,
) -> dict[str, Latency]:
    """Time sessions of one contract in turns, so that a noisy moment hits all of them alike.

    The process is held to as many cores as the session with most threads has. Each session steps
    on with its own states.

    Args:
        sessions: By name.
        contract: What they all compute.
        inputs: The program's inputs at the first step; each session's own states replace the
            states among them from then on.
        warmups: Steps of each session that are not counted, at least 1.
        runs: Rounds, at least ``MIN_SAMPLES``; one sample a session each.
        seconds: Time after which no further round starts, for each session; the first
            ``MIN_SAMPLES`` rounds are always made.
        load_ms: Time that loading took, by name, to be recorded beside.

    Returns:
        The latency of each session, by name.

    Raises:
        ValueError: If there is no session, or a count is too small.
    """
    _check_counts(len(sessions), warmups, runs)
    steppers = {name: _Stepper(session, contract, inputs) for name, session in sessions.items()}
    requested = {
        name: int(session.facts["threads_requested"]) for name, session in sessions.items()
    }
    with pinned(max(requested.values())) as cores:
        warm = {
            name: [stepper.step_ms() for _ in range(warmups)] for name, stepper in steppers.items()
        }
        samples: dict[str, list[float]] = {name: [] for name in sessions}
        stop = time.perf_counter() + seconds * len(sessions)
        for done in range(runs):
            if done >= MIN_SAMPLES and time.perf_counter() >= stop:
                break
            for name, stepper in steppers.items():
                samples[name].append(stepper.step_ms())
    host = host_facts()
    return {
        name: _latency(session, samples[name], warm[name], (load_ms or {}).get(name), cores, host)
        for name, session in sessions.items()
    }


def ratios(latencies: Mapping[str, Latency], base: str) -> dict[str, float]:
    """Return how many times as long as ``base`` each session takes.

    The median over rounds of the quotient within a round: the two steps were neighbours in time.

    Args:
        latencies: From one call of ``interleaved``.
        base: One of their names; its own ratio is 1.

    Raises:
        ValueError: If ``base`` is none of them.
    """
    if base not in latencies:
        msg = f"no latency of {base!r}; there are {', '.join(latencies)}"
        raise ValueError(msg)
    below = np.array(latencies[base].samples_ms)
    return {
        name: float(np.median(np.array(latency.samples_ms) / below))
        for name, latency in latencies.items()
    }


class _Stepper:
    """A session and the states it has reached."""

    def __init__(
        self, session: Session, contract: ProgramContract, inputs: Mapping[str, FloatArray]
    ) -> None:
        self._session, self._contract = session, contract
        self._inputs = dict(inputs)

    def step_ms(self) -> float:
        start = time.perf_counter()
        outputs = self._session.run(self._inputs)
        elapsed_ms = (time.perf_counter() - start) * 1e3
        self._inputs |= next_states(self._contract, outputs)
        return elapsed_ms


def _check_counts(sessions: int, warmups: int, runs: int) -> None:
    for name, value, least in (
        ("sessions", sessions, 1),
        ("warmups", warmups, 1),
        ("runs", runs, MIN_SAMPLES),
    ):
        if value < least:
            msg = f"{name} is {value}; it must be at least {least}"
            raise ValueError(msg)


def _latency(
    session: Session,
    samples_ms: list[float],
    warm_ms: list[float],
    load_ms: float | None,
    cores: tuple[int, ...] | None,
    host: Mapping[str, str | int],
) -> Latency:
    p50_ms, p90_ms, p99_ms = np.percentile(samples_ms, (50, 90, 99), method="linear").tolist()
    facts = session.facts
    return Latency(
        samples_ms=tuple(samples_ms),
        p50_ms=p50_ms,
        p90_ms=p90_ms,
        p99_ms=p99_ms,
        min_ms=min(samples_ms),
        first_ms=warm_ms[0],
        load_ms=load_ms,
        warmups=len(warm_ms),
        threads_requested=int(facts["threads_requested"]),
        threads=int(facts["threads"]) if "threads" in facts else None,
        cores=cores,
        runtime=dict(facts),
        host=dict(host),
    )

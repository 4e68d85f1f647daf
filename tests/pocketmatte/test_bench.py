import dataclasses
import json
import os
from collections.abc import Callable

import numpy as np
import pytest
from torch import Tensor, nn

from pocketmatte.bench import MIN_SAMPLES, interleaved, measure, ratios
from pocketmatte.host import host_facts, pinned
from pocketmatte.runtimes.torch_eager import TorchSession
from tiers.contract import ProgramContract

INPUTS = {
    "frame": np.full((1, 3, 8, 16), 0.5, dtype=np.float32),
    "r1": np.zeros((1, 1, 8, 16), dtype=np.float32),
}


class Counting(nn.Module):
    """Count steps in the state, and write them down."""

    def __init__(self, name: str, log: list[tuple[str, float]]) -> None:
        super().__init__()
        self.name, self.log = name, log

    def forward(self, frame: Tensor, r1: Tensor) -> tuple[Tensor, Tensor]:
        self.log.append((self.name, float(r1.mean())))
        return frame[:, :1] * 1.0, r1 + 1


def test_warm_ups_are_not_counted_and_states_are_fed_back(
    running_contract: ProgramContract,
) -> None:
    log: list[tuple[str, float]] = []
    session = TorchSession(Counting("a", log), running_contract, 1)
    latency = measure(session, running_contract, INPUTS, warmups=3, runs=7, load_ms=1.5)
    assert [state for _, state in log] == list(range(10))
    assert len(latency.samples_ms) == 7
    assert (latency.warmups, latency.load_ms) == (3, 1.5)
    assert latency.first_ms > 0


def test_the_figures_are_those_of_the_raw_samples(
    running: Callable[..., nn.Module], running_contract: ProgramContract
) -> None:
    session = TorchSession(running(), running_contract, 1)
    latency = measure(session, running_contract, INPUTS, runs=20)
    given = (latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.min_ms)
    ordered = sorted(latency.samples_ms)
    assert given == pytest.approx(
        (
            (ordered[9] + ordered[10]) / 2,  # rank 0.5 * 19 = 9.5
            ordered[17] + 0.1 * (ordered[18] - ordered[17]),  # rank 17.1
            ordered[18] + 0.81 * (ordered[19] - ordered[18]),  # rank 18.81
            ordered[0],
        )
    )
    assert json.loads(json.dumps(dataclasses.asdict(latency)))["runtime"]["runtime"] == "torch"


def test_the_asked_time_ends_a_measurement_but_leaves_some_samples(
    running: Callable[..., nn.Module], running_contract: ProgramContract
) -> None:
    session = TorchSession(running(), running_contract, 1)
    latency = measure(session, running_contract, INPUTS, runs=1000, seconds=0.0)
    assert len(latency.samples_ms) == MIN_SAMPLES


def test_sessions_take_turns_and_are_put_in_relation(running_contract: ProgramContract) -> None:
    log: list[tuple[str, float]] = []
    sessions = {name: TorchSession(Counting(name, log), running_contract, 1) for name in "ab"}
    latencies = interleaved(sessions, running_contract, INPUTS, warmups=1, runs=5)
    assert "".join(name for name, _ in log) == "ab" * 6
    relation = ratios(latencies, "a")
    paired = np.array(latencies["b"].samples_ms) / np.array(latencies["a"].samples_ms)
    assert relation == {"a": 1.0, "b": float(np.median(paired))}


def test_a_base_that_was_not_measured_is_refused(running_contract: ProgramContract) -> None:
    session = TorchSession(Counting("a", []), running_contract, 1)
    latencies = interleaved({"a": session}, running_contract, INPUTS, runs=5)
    with pytest.raises(ValueError, match="no latency of 'c'; there are a"):
        ratios(latencies, "c")


@pytest.mark.parametrize(("name", "value", "least"), [("runs", 4, 5), ("warmups", 0, 1)])
def test_too_few_steps_are_refused(
    name: str, value: int, least: int, running_contract: ProgramContract
) -> None:
    session = TorchSession(Counting("a", []), running_contract, 1)
    counts = {"warmups": 1, "runs": 5, name: value}
    with pytest.raises(ValueError, match=f"{name} is {value}; it must be at least {least}"):
        measure(session, running_contract, INPUTS, **counts)


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this operating system has no affinity"
)
def test_the_process_is_held_to_the_threads_cores_and_let_go_afterwards(
    running_contract: ProgramContract,
) -> None:
    before = os.sched_getaffinity(0)
    session = TorchSession(Counting("a", []), running_contract, 1)
    latency = measure(session, running_contract, INPUTS, warmups=1, runs=5)
    assert latency.cores == (max(before),)
    assert (latency.threads_requested, latency.threads) == (1, 1)
    assert os.sched_getaffinity(0) == before
    with pinned(1) as cores:
        assert os.sched_getaffinity(0) == set(cores or ())


def test_the_host_is_described() -> None:
    facts = host_facts()
    assert {"cpu", "cores", "os", "python", "torch", "onnxruntime", "executorch"} <= set(facts)
    assert all(facts.values())

"""The native runner replays the traces of every network, and says of them what Python says."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from export.manifest import read_manifest
from export.trace import Step, Trace
from export.trace_data import TraceReader
from pocketmatte.cli import run
from pocketmatte.groups import groups
from pocketmatte.harness.reading import read_result
from pocketmatte.harness.result import OutputFigures, Result
from pocketmatte.harness.verdict import Comparison, faults
from pocketmatte.runtimes.arm64 import native_executorch
from pocketmatte.runtimes.protocol import FloatArray, Session
from tiers.contract_table import contracts
from tiers.ladder import tier

QUICK = ("--warmups", "1", "--runs", "2", "--seconds", "0")


@pytest.fixture(scope="module")
def recorded() -> dict[tuple[str, str], Path]:
    """Keep bundles with traces, by network and tier."""
    return {}


def bundle_of(
    kept: dict[tuple[str, str], Path],
    tmp_path_factory: pytest.TempPathFactory,
    network: str,
    name: str,
) -> Path:
    if (network, name) not in kept:
        out = tmp_path_factory.mktemp(f"{network}-{name}") / "bundle"
        part = ["--tier", name, "--format", "executorch", "--recipe", "fp32", "--out", str(out)]
        assert run(["build", "--network", network, *part]) == 0
        assert run(["trace", str(out)]) == 0
        kept[network, name] = out
    return kept[network, name]


def replayed(
    reader: TraceReader, sessions: Mapping[str, Session], *, forced: bool
) -> list[tuple[Step, dict[str, FloatArray]]]:
    """Replay a trace as docs/harness-protocol.md says, by its words alone."""
    programs = {program.name: program for program in reader.trace.programs}
    board: dict[str, FloatArray] = {}
    for program in programs.values():
        shapes = {tensor.name: tensor.shape for tensor in program.inputs}
        for state in program.states:
            board[state.input] = np.full(shapes[state.input], state.reset, dtype=np.float32)
    steps = []
    for step in reader.trace.steps:
        board |= reader.given(step)
        program = programs[step.program]
        given = {tensor.name: board[tensor.name] for tensor in program.inputs}
        outputs = sessions[step.program].run(given)
        steps.append((step, outputs))
        laid = reader.expected(step) if forced else outputs
        board |= laid
        board |= {state.input: laid[state.output] for state in program.states}
    return steps


def test_pytorch_itself_replays_its_trace_bit_for_bit(
    recorded: dict[tuple[str, str], Path], tmp_path_factory: pytest.TempPathFactory,
    network_name: str, tier_name: str,
) -> None:  # fmt: skip
    bundle = bundle_of(recorded, tmp_path_factory, network_name, tier_name)
    (group,) = groups(bundle, read_manifest(bundle), 1)
    reader = TraceReader(bundle / "traces" / network_name / tier_name)
    assert reader.trace.frames >= 8
    for forced in (False, True):
        for step, outputs in replayed(reader, group.reference, forced=forced):
            for name, expected in reader.expected(step).items():
                assert np.array_equal(outputs[name], expected), f"{name} of {step.program}"


def test_the_runner_says_what_python_says_of_the_same_files(
    recorded: dict[tuple[str, str], Path], tmp_path_factory: pytest.TempPathFactory, tmp_path: Path,
    host_runner: Path, network_name: str, tier_name: str,
) -> None:  # fmt: skip
    bundle = bundle_of(recorded, tmp_path_factory, network_name, tier_name)
    result = run_by(host_runner, bundle, network_name, tier_name, tmp_path / "result.json")
    assert (result.status, result.errors) == ("ok", [])
    trace = bundle / "traces" / network_name / tier_name
    runtime = native_executorch(host_runner)
    sessions = {
        each.name: runtime.load(
            bundle / network_name / tier_name / f"{each.name}-fp32.pte", each, threads=1
        )
        for each in contracts(tier(network_name, tier_name))
    }
    try:
        figures, digest = judged(TraceReader(trace), sessions)
    finally:
        for session in sessions.values():
            session.close()
    assert result.parity is not None
    assert result.parity.sha256 == digest
    same(result.parity.outputs, figures)


def run_by(runner: Path, bundle: Path, network: str, name: str, out: Path) -> Result:
    named = {"--bundle": bundle, "--network": network, "--tier": name, "--out": out,
             "--trace": bundle / "traces" / network / name}  # fmt: skip
    words = [str(word) for pair in named.items() for word in pair]
    command = [str(runner / "runner"), "run", *words, *QUICK]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return read_result(out)


def judged(
    reader: TraceReader, sessions: Mapping[str, Session]
) -> tuple[dict[tuple[str, str], dict[str, object]], str]:
    """Return the figures of every output and the hash of all, from a replay in Python."""
    trace: Trace = reader.trace
    outputs = {(p.name, o.name): o for p in trace.programs for o in p.outputs}
    comparisons = {key: Comparison(o, trace.feature_range) for key, o in outputs.items()}
    total = hashlib.sha256()
    for step, given in replayed(reader, sessions, forced=False):
        expected = reader.expected(step)
        for name, array in given.items():
            key = step.program, name
            matte = expected.get(outputs[key].shown_by or "")
            comparisons[key].free(array, expected[name], matte)
            total.update(array.astype("<f4").tobytes())
    for step, given in replayed(reader, sessions, forced=True):
        expected = reader.expected(step)
        for name, array in given.items():
            comparisons[step.program, name].forced(array, expected[name])
    found = {}
    for key, comparison in comparisons.items():
        figures = comparison.figures()
        codes = faults(outputs[key], figures, trace.limits["fp32"])
        found[key] = {name: getattr(figures, name) for name in figures.__slots__} | {
            "faults": codes
        }
    return found, total.hexdigest()


def same(
    said: list[OutputFigures], figures: Mapping[tuple[str, str], Mapping[str, object]]
) -> None:
    assert {(each.program, each.name) for each in said} == set(figures)
    for each in said:
        for name, expected in figures[each.program, each.name].items():
            value = getattr(each, name)
            if isinstance(expected, float):
                assert value == pytest.approx(expected, rel=1e-5, abs=1e-12), json.dumps([name])
            else:
                assert value == expected, f"{name} of {each.name}"

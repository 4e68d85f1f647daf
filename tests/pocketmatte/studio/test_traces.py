"""What a session ran, recorded for the harnesses."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from export.trace_data import TraceReader
from pocketmatte.matting.board import Tensors
from pocketmatte.protocols.opening import torch_tier
from pocketmatte.stepping import first_states
from pocketmatte.studio.choices import Choice
from pocketmatte.studio.meter import Meter
from pocketmatte.studio.tape import MOST_FRAMES
from pocketmatte.studio.traces import write_traces
from tests.pocketmatte.studio.steps import OUTSIDE, Steps
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.ladder import tier


def replayed(reader: TraceReader) -> dict[str, float]:
    """Replay a trace as docs/harness-protocol.md says; the largest difference of each output."""
    trace = reader.trace
    spec = tier(trace.network, trace.tier).oriented(trace.orientation)
    board: Tensors = {}
    for contract in contracts(spec):
        board |= first_states(contract)
    largest: dict[str, float] = {}
    with torch_tier(spec, weights=None, threads=1) as opened:
        assert opened.weights.digest == trace.weights_digest
        inputs = {each.name: [tensor.name for tensor in each.inputs] for each in trace.programs}
        states = {each.name: each.states for each in trace.programs}
        for step in trace.steps:
            board |= reader.given(step)
            outputs = opened.run(step.program, {name: board[name] for name in inputs[step.program]})
            for name, expected in reader.expected(step).items():
                apart = float(np.abs(outputs[name] - expected).max())
                largest[name] = max(largest.get(name, 0.0), apart)
            board |= outputs
            board |= {pair.input: outputs[pair.output] for pair in states[step.program]}
    return largest


@pytest.mark.parametrize(
    ("way", "networks"),
    [
        ("stfam", {"foreground", "scribble", "propagation", "fusion", "trimap", "stfam"}),
        ("matanyone", {"foreground", "matanyone"}),
        ("rvm", {"rvm"}),
    ],
)
def test_every_network_that_ran_leaves_a_trace_that_replays(
    steps: Steps, tmp_path: Path, way: str, networks: set[str]
) -> None:
    steps.session.choose("left", Choice(way=way, tier="t01"))  # type: ignore[arg-type]
    if way != "rvm":
        steps.find()
    if way == "stfam":
        steps.paint(OUTSIDE, frame=5, positive=False)
    steps.matte()
    with zipfile.ZipFile(steps.export("trace")) as archive:
        archive.extractall(tmp_path)
    folders = {path.parent.name: path for path in tmp_path.glob("traces/*/t01")}
    assert folders.keys() == networks
    for network, folder in folders.items():
        reader = TraceReader(folder)  # the validator: schema, hash, and that it holds together
        assert reader.trace.network == network
        assert all(apart == 0 for apart in replayed(reader).values()), network
    video = {"stfam": "stfam", "matanyone": "matanyone", "rvm": "rvm"}[way]
    assert TraceReader(folders[video]).trace.frames == 7


def test_no_more_frames_are_kept_than_a_trace_has(steps: Steps) -> None:
    for _ in range(MOST_FRAMES + 2):
        steps.find()
    lane = steps.session.lane("left")
    assert lane is not None
    _, tape = lane.meter.tapes["foreground"]
    assert (tape.frames, tape.count) == (MOST_FRAMES, MOST_FRAMES + 2)


def test_nothing_is_recorded_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing ran yet; pick a subject, or matte"):
        write_traces(Meter(None), None, tmp_path / "a.zip", lambda _: None)

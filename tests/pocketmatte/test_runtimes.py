from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from pocketmatte.runtimes.protocol import FloatArray, Session
from pocketmatte.runtimes.table import runtime
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.stepping import first_states, roll
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.errors import BundleError, UsageError
from tiers.ladder import tier
from tiers.networks.rvm import Rvm, programs
from tiers.rows.rvm import RvmShape

Make = Callable[..., nn.Module]

KEEP = 0.5
SUFFIX = {"onnxruntime": ".onnx", "executorch": ".pte"}
ONNX_TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}


def _onnx(path: Path, dtype: str, frame_name: str = "frame") -> None:
    """Write the program of ``running(gain=1, keep=KEEP)`` operator by operator."""
    kind = ONNX_TYPES[dtype]

    def tensor(name: str, channels: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, [1, channels, 8, 16])

    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["r1", "keep"], ["kept"]),
            helper.make_node("Conv", [frame_name, "weight"], ["new"]),
            helper.make_node("Add", ["kept", "new"], ["r1_next"]),
            helper.make_node("Identity", ["r1_next"], ["alpha"]),
        ],
        "running",
        [tensor("r1", 1), tensor(frame_name, 3)],  # another order than the contract's
        [tensor("r1_next", 1), tensor("alpha", 1)],
        [
            helper.make_tensor("keep", kind, [], [KEEP]),
            helper.make_tensor("weight", kind, [1, 3, 1, 1], [1 - KEEP, 0, 0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)


def _executorch(path: Path, program: nn.Module, dtype: torch.dtype) -> None:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    inputs = (torch.rand(1, 3, 8, 16, dtype=dtype), torch.rand(1, 1, 8, 16, dtype=dtype))
    exported = torch.export.export(program.to(dtype), inputs)
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    path.write_bytes(lowered.to_executorch().buffer)


@pytest.fixture(scope="module")
def files(running: Make, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    for dtype in ("float32", "float16"):
        _onnx(folder / f"{dtype}.onnx", dtype)
        _executorch(folder / f"{dtype}.pte", running(keep=KEEP), getattr(torch, dtype))
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(params=SUFFIX)
def loaded(
    request: pytest.FixtureRequest, files: Mapping[str, Path], running_contract: ProgramContract
) -> Iterator[Session]:
    name: str = request.param
    path = files[f"float32{SUFFIX[name]}"]
    session = runtime(name).load(path, running_contract, threads=1)
    yield session
    session.close()


def _inputs(value: float = 0.5) -> dict[str, FloatArray]:
    return {
        "frame": np.full((1, 3, 8, 16), value, dtype=np.float32),
        "r1": np.zeros((1, 1, 8, 16), dtype=np.float32),
    }


def _sequence() -> list[FloatArray]:
    return list(np.random.default_rng(0).random((5, 8, 16, 3), dtype=np.float32))


@pytest.mark.parametrize("name", SUFFIX)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float16", 1e-3)])
def test_a_file_computes_what_pytorch_computes_with_states_fed_back(
    name: str,
    dtype: str,
    tolerance: float,
    files: Mapping[str, Path],
    running: Make,
    running_contract: ProgramContract,
) -> None:
    reference = TorchSession(running(keep=KEEP), running_contract, 1)
    session = runtime(name).load(files[f"{dtype}{SUFFIX[name]}"], running_contract, threads=1)
    expected = list(roll(reference, running_contract, _sequence()))
    given = list(roll(session, running_contract, _sequence()))
    assert session.facts["dtype"] == dtype
    session.close()
    for ours, theirs in zip(expected, given, strict=True):
        for tensor in running_contract.outputs:
            assert theirs[tensor.name].dtype == np.float32
            np.testing.assert_allclose(theirs[tensor.name], ours[tensor.name], atol=tolerance)


def test_a_seeded_tier_runs_in_pytorch_and_gives_its_contract() -> None:
    spec = tier("rvm", "t01")
    (contract,) = contracts(spec)
    torch.manual_seed(0)
    session = TorchSession(programs(Rvm(spec.shaped(RvmShape)), spec)["matte"], contract, 1)
    frame = np.random.default_rng(0).random((*spec.output_hw, 3), dtype=np.float32)
    (outputs,) = roll(session, contract, [frame])
    assert {name: array.shape for name, array in outputs.items()} == {
        tensor.name: tensor.shape for tensor in contract.outputs
    }
    assert session.facts["runtime"] == "torch"
    assert session.facts["threads"] == 1


def test_facts_say_what_really_runs(loaded: Session) -> None:
    provider = {"onnxruntime": "CPUExecutionProvider", "executorch": "XnnpackBackend"}
    assert loaded.facts["provider"] == provider[str(loaded.facts["runtime"])]
    assert loaded.facts["dtype"] == "float32"
    assert (loaded.facts["threads_requested"], loaded.facts["threads"]) == (1, 1)
    assert str(loaded.facts["version"])[0].isdigit()


def test_memory_order_of_an_input_changes_nothing(loaded: Session) -> None:
    inputs = {**_inputs(), "frame": np.random.default_rng(0).random((1, 3, 8, 16), np.float32)}
    turned = {name: np.asfortranarray(array) for name, array in inputs.items()}
    assert not turned["frame"].flags.c_contiguous
    np.testing.assert_array_equal(loaded.run(turned)["alpha"], loaded.run(inputs)["alpha"])


def test_outputs_outlive_the_next_run(loaded: Session) -> None:
    first = loaded.run(_inputs(0.5))["alpha"]
    loaded.run(_inputs(1.0))
    np.testing.assert_allclose(first, 0.25, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": np.zeros(1, np.float32)}, r"inputs are frame, mask, r1; expected frame, r1"),
        (
            {"frame": np.zeros((1, 3, 8, 8), np.float32)},
            r"frame is float32 \(1, 3, 8, 8\); the program takes float32 \(1, 3, 8, 16\)",
        ),
        (
            {"r1": np.zeros((1, 1, 8, 16), np.float16)},
            r"r1 is float16 \(1, 1, 8, 16\); the program takes float32 \(1, 1, 8, 16\)",
        ),
        (
            {"frame": np.full((1, 3, 8, 16), np.nan, np.float32)},
            r"frame holds NaN or infinity; the program takes finite values",
        ),
    ],
)
def test_wrong_inputs_are_refused_by_name(
    change: dict[str, FloatArray], message: str, loaded: Session
) -> None:
    with pytest.raises(ValueError, match=message):
        loaded.run({**_inputs(), **change})


@pytest.mark.parametrize("name", SUFFIX)
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[: len(data) // 2], id="truncated"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda data: b"\xff" * len(data), id="overwritten"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(
    name: str,
    damage: Callable[[bytes], bytes],
    files: Mapping[str, Path],
    running_contract: ProgramContract,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / f"damaged{SUFFIX[name]}"
    path.write_bytes(damage(files[f"float32{SUFFIX[name]}"].read_bytes()))
    with pytest.raises(BundleError) as caught:
        runtime(name).load(path, running_contract, threads=1)
    message = str(caught.value)
    assert f"refuses {path}: " in message
    assert message.endswith("; build it again")
    assert "\n" not in message
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", SUFFIX)
def test_a_missing_file_is_refused(
    name: str, running_contract: ProgramContract, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match=r"no file .*gone; build the bundle again"):
        runtime(name).load(tmp_path / "gone", running_contract, threads=1)


def test_an_onnx_file_of_other_names_is_refused(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    _onnx(tmp_path / "other.onnx", "float32", frame_name="image")
    with pytest.raises(BundleError, match=r"holds another program: its inputs are .*image"):
        runtime("onnxruntime").load(tmp_path / "other.onnx", running_contract, threads=1)


@pytest.mark.parametrize("name", SUFFIX)
def test_a_file_of_another_contract_is_refused(name: str, files: Mapping[str, Path]) -> None:
    (contract,) = contracts(tier("rvm", "t01"))
    with pytest.raises(BundleError, match="holds another program: i"):
        runtime(name).load(files[f"float32{SUFFIX[name]}"], contract, threads=1)


def test_executorch_keeps_its_one_thread_pool_while_a_session_uses_it(
    files: Mapping[str, Path], running_contract: ProgramContract
) -> None:
    path = files["float32.pte"]
    first = runtime("executorch").load(path, running_contract, threads=1)
    with pytest.raises(ValueError, match="threads is 2, but ExecuTorch's one thread pool has 1"):
        runtime("executorch").load(path, running_contract, threads=2)
    first.close()
    second = runtime("executorch").load(path, running_contract, threads=2)
    assert second.facts["threads"] == 2
    second.close()


def test_a_closed_session_does_not_run(loaded: Session) -> None:
    loaded.close()
    with pytest.raises(ValueError, match="is closed; load the file again"):
        loaded.run(_inputs())


def test_less_than_one_thread_is_refused(
    files: Mapping[str, Path], running_contract: ProgramContract
) -> None:
    with pytest.raises(ValueError, match="threads is 0; it must be at least 1"):
        runtime("onnxruntime").load(files["float32.onnx"], running_contract, threads=0)


def test_an_unknown_runtime_is_refused_and_the_others_listed() -> None:
    with pytest.raises(UsageError, match="no runtime 'tvm'; there are onnxruntime, executorch"):
        runtime("tvm")


def test_states_start_at_their_reset_value(running_contract: ProgramContract) -> None:
    states = first_states(running_contract)
    assert list(states) == ["r1"]
    assert not states["r1"].any()

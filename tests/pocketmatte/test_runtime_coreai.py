import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from export.program import Captured
from export.recipe import recipe
from export.targets import TARGETS
from export.to_coreai import DIGEST, PROGRAM, to_coreai
from pocketmatte.runtimes.coreai import CoreAi
from pocketmatte.runtimes.protocol import FloatArray, Session
from pocketmatte.runtimes.table import runtime
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.stepping import roll
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.errors import BundleError, RuntimeUnavailableError
from tiers.ladder import tier

Make = Callable[..., nn.Module]

KEEP = 0.5
REASON = TARGETS["coreai"].unavailable() or CoreAi().unavailable()
with_extra = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture(scope="module")
def files(
    running: Make, running_contract: ProgramContract, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Path]:
    """Return the program of ``running(keep=KEEP)`` by element type."""
    folder = tmp_path_factory.mktemp("files")
    made: dict[str, Path] = {}
    for name in ("fp32", "fp16"):
        row = recipe(name)
        dtype = getattr(torch, row.dtype)
        inputs = tuple(torch.rand(each.shape, dtype=dtype) for each in running_contract.inputs)
        captured = Captured(
            exported=torch.export.export(running(keep=KEEP).to(dtype), inputs),
            contract=running_contract,
            spec=tier("rvm", "t01"),
            recipe=row,
        )
        made[row.dtype] = folder / f"{name}.aimodel"
        to_coreai(captured, made[row.dtype], {})
    return made


@pytest.fixture
def loaded(files: Mapping[str, Path], running_contract: ProgramContract) -> Iterator[Session]:
    session = runtime("coreai").load(files["float32"], running_contract, threads=1)
    yield session
    session.close()


def _inputs(value: float = 0.5) -> dict[str, FloatArray]:
    return {
        "frame": np.full((1, 3, 8, 16), value, dtype=np.float32),
        "r1": np.zeros((1, 1, 8, 16), dtype=np.float32),
    }


def test_a_machine_without_it_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, running_contract: ProgramContract, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    message = "coreai-core is not installed; install with: pip install 'pocketmatte[coreai]'"
    assert runtime("coreai").unavailable() == message
    with pytest.raises(RuntimeUnavailableError) as refused:
        runtime("coreai").load(tmp_path, running_contract, threads=1)
    assert str(refused.value) == message


@with_extra
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float16", 1e-3)])
def test_a_file_computes_what_pytorch_computes_with_states_fed_back(
    dtype: str,
    tolerance: float,
    files: Mapping[str, Path],
    running: Make,
    running_contract: ProgramContract,
) -> None:
    frames = list(np.random.default_rng(0).random((5, 8, 16, 3), dtype=np.float32))
    reference = TorchSession(running(keep=KEEP), running_contract, 1)
    session = runtime("coreai").load(files[dtype], running_contract, threads=1)
    given = list(roll(session, running_contract, frames))
    assert session.facts["dtype"] == dtype
    session.close()
    for ours, theirs in zip(roll(reference, running_contract, frames), given, strict=True):
        for tensor in running_contract.outputs:
            assert theirs[tensor.name].dtype == np.float32
            np.testing.assert_allclose(theirs[tensor.name], ours[tensor.name], atol=tolerance)


@with_extra
def test_facts_say_what_really_runs(loaded: Session) -> None:
    assert loaded.facts["runtime"] == "coreai"
    assert loaded.facts["provider"] in ("interpreter, one thread", "the system's Core AI")
    assert loaded.facts["threads_requested"] == 1
    assert str(loaded.facts["version"])[0].isdigit()


@with_extra
def test_loading_and_running_say_nothing(
    files: Mapping[str, Path],
    running_contract: ProgramContract,
    capfd: pytest.CaptureFixture[str],
) -> None:
    session = runtime("coreai").load(files["float32"], running_contract, threads=1)
    session.run(_inputs())
    session.close()
    assert capfd.readouterr() == ("", "")


@with_extra
def test_memory_order_of_an_input_changes_nothing(loaded: Session) -> None:
    inputs = {**_inputs(), "frame": np.random.default_rng(0).random((1, 3, 8, 16), np.float32)}
    turned = {name: np.asfortranarray(array) for name, array in inputs.items()}
    assert not turned["frame"].flags.c_contiguous
    np.testing.assert_array_equal(loaded.run(turned)["alpha"], loaded.run(inputs)["alpha"])


@with_extra
def test_outputs_outlive_the_next_run_and_the_session(loaded: Session) -> None:
    first = loaded.run(_inputs(0.5))["alpha"]
    loaded.run(_inputs(1.0))
    loaded.close()
    np.testing.assert_allclose(first, 0.25, atol=1e-6)


@with_extra
def test_a_closed_session_does_not_run(loaded: Session) -> None:
    loaded.close()
    loaded.close()
    with pytest.raises(ValueError, match="is closed; load the file again"):
        loaded.run(_inputs())


@with_extra
def test_wrong_inputs_are_refused_by_name(loaded: Session) -> None:
    with pytest.raises(ValueError, match="inputs are frame; expected frame, r1"):
        loaded.run({"frame": _inputs()["frame"]})


@with_extra
def test_a_file_of_another_contract_is_refused(files: Mapping[str, Path]) -> None:
    (contract,) = contracts(tier("rvm", "t01"))
    with pytest.raises(BundleError, match="holds another program: its inputs are "):
        runtime("coreai").load(files["float32"], contract, threads=1)


def _cut(asset: Path) -> None:
    program = asset / PROGRAM
    program.write_bytes(program.read_bytes()[:500])


def _without(name: str) -> Callable[[Path], None]:
    return lambda asset: (asset / name).unlink()


def _malformed(asset: Path) -> None:
    (asset / "metadata.json").write_text("{")


@with_extra
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_cut, f"its {PROGRAM} is not the one of its {DIGEST}"),
        (_without(PROGRAM), f"it holds no {PROGRAM} and {DIGEST}"),
        (_without(DIGEST), f"it holds no {PROGRAM} and {DIGEST}"),
        (_malformed, "The operation could not be completed."),
    ],
    ids=["cut", "no program", "no digest", "metadata"],
)
def test_a_damaged_asset_is_refused_in_one_line(
    files: Mapping[str, Path],
    running_contract: ProgramContract,
    tmp_path: Path,
    damage: Callable[[Path], None],
    reason: str,
) -> None:
    path = shutil.copytree(files["float32"], tmp_path / "damaged.aimodel")
    damage(path)
    with pytest.raises(BundleError) as refused:
        runtime("coreai").load(path, running_contract, threads=1)
    message = str(refused.value)
    assert message.startswith(f"Core AI refuses {path}: {reason}")
    assert message.endswith("; build it again")
    assert "\n" not in message


@with_extra
def test_a_missing_file_or_a_single_one_is_refused(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match=r"no file .*gone; build the bundle again"):
        runtime("coreai").load(tmp_path / "gone", running_contract, threads=1)
    (tmp_path / "one.aimodel").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"one.aimodel: it holds no main.mlirb and main.hash"):
        runtime("coreai").load(tmp_path / "one.aimodel", running_contract, threads=1)


@with_extra
def test_less_than_one_thread_is_refused(
    files: Mapping[str, Path], running_contract: ProgramContract
) -> None:
    with pytest.raises(ValueError, match="threads is 0; it must be at least 1"):
        runtime("coreai").load(files["float32"], running_contract, threads=0)


@with_extra
def test_several_sessions_run_in_turns(
    files: Mapping[str, Path], running_contract: ProgramContract
) -> None:
    sessions = [
        runtime("coreai").load(path, running_contract, threads=1) for path in files.values()
    ]
    first = [session.run(_inputs())["alpha"] for session in sessions]
    again = [session.run(_inputs())["alpha"] for session in sessions]
    for session in sessions:
        session.close()
    np.testing.assert_array_equal(first, again)


@with_extra
def test_what_was_compiled_is_removed_when_the_session_is_closed(
    files: Mapping[str, Path],
    running_contract: ProgramContract,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = {name: hashlib.sha256(each.read_bytes()).digest() for name, each in _members(files)}
    session = runtime("coreai").load(files["float32"], running_contract, threads=1)
    session.run(_inputs())
    session.close()
    assert list(tmp_path.iterdir()) == []
    after = {name: hashlib.sha256(each.read_bytes()).digest() for name, each in _members(files)}
    assert after == before


def _members(files: Mapping[str, Path]) -> list[tuple[str, Path]]:
    return [(f"{each}", each) for each in sorted(files["float32"].iterdir())]

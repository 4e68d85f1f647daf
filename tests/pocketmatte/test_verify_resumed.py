"""``verify --resume``: what was judged before it was stopped is judged once, and nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import pocketmatte.verify
from pocketmatte.parity_figures import Verdict
from pocketmatte.proof_memory import ProofMemory
from pocketmatte.signing.listing import listing
from pocketmatte.verify import Tier
from tests.pocketmatte.conftest import Said

Cli = Callable[..., Said]
FEW = ("--frames", 2)
BUILD = "build --network rvm,scribble --tier t01 --format onnx --recipe fp32 --out"
FIRST, SECOND = "rvm/t01/matte-fp32.onnx", "scribble/t01/correct-fp32.onnx"
UNFINISHED = "results/parity.unfinished.jsonl"


@pytest.fixture(scope="module")
def two_tiers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of one tier of each of two networks; no test changes it."""
    from pocketmatte.cli import run

    root = tmp_path_factory.mktemp("two") / "bundle"
    assert run([*BUILD.split(), str(root)]) == 0
    return root


@pytest.fixture
def bundle(two_tiers: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return Path(shutil.copytree(two_tiers, tmp_path / "bundle"))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the first paths of the tiers that are judged from here on."""
    seen: list[str] = []
    judge = pocketmatte.verify.judge

    def noted(tier: Tier) -> list[Verdict]:
        seen.append(tier.artifacts[0].path)
        return judge(tier)

    monkeypatch.setattr(pocketmatte.verify, "judge", noted)
    return seen


@pytest.fixture
def stopped(cli: Cli, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the bundle after a run that Ctrl-C ended in its second tier."""
    judge = pocketmatte.verify.judge

    def interrupted(tier: Tier) -> list[Verdict]:
        if tier.artifacts[0].path == SECOND:
            raise KeyboardInterrupt
        return judge(tier)

    with monkeypatch.context() as patch:
        patch.setattr(pocketmatte.verify, "judge", interrupted)
        said = cli("verify", bundle, *FEW)
    assert said.refusal(130) == (
        "stopped; what was judged is kept: the same command with --resume goes on"
    )
    assert not (bundle / "results/parity.json").exists()
    return bundle


def test_it_goes_on_and_comes_to_the_same_figures(
    cli: Cli, stopped: Path, two_tiers: Path, tmp_path: Path, judged: list[str]
) -> None:
    whole = Path(shutil.copytree(two_tiers, tmp_path / "whole"))
    unbroken = cli("verify", whole, *FEW, "--json").json()
    judged.clear()
    said = cli("verify", stopped, *FEW, "--resume", "--json")
    assert (said.code, judged) == (0, [SECOND])
    assert said.json() == unbroken
    assert json.loads((stopped / "results/parity.json").read_text()) == unbroken
    assert not (stopped / UNFINISHED).exists()


def test_without_the_option_everything_is_judged(
    cli: Cli, stopped: Path, judged: list[str]
) -> None:
    assert cli("verify", stopped, *FEW).code == 0
    assert judged == [FIRST, SECOND]


def test_of_other_options_nothing_counts(cli: Cli, stopped: Path, judged: list[str]) -> None:
    assert cli("verify", stopped, "--frames", 3, "--resume").code == 0
    assert judged == [FIRST, SECOND]


@pytest.mark.parametrize("changed", ["tools", "code"])
def test_of_other_code_or_tools_nothing_counts(
    cli: Cli,
    stopped: Path,
    judged: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    changed: str,
) -> None:
    if changed == "tools":
        monkeypatch.setattr("pocketmatte.proof_memory.host_facts", lambda: {"torch": "another"})
    else:
        code = tmp_path / "tiers" / "__init__.py"
        code.parent.mkdir()
        code.write_text("# other")
        monkeypatch.setattr("pocketmatte.proof_memory.tiers", SimpleNamespace(__file__=str(code)))
    assert cli("verify", stopped, *FEW, "--resume").code == 0
    assert judged == [FIRST, SECOND]


def test_a_file_that_changed_since_fails(cli: Cli, stopped: Path) -> None:
    (stopped / FIRST).write_bytes(b"other")
    said = cli("verify", stopped, *FEW, "--resume", "--json")
    assert said.code == 1
    status = {each["path"]: each["status"] for each in said.json()["artifacts"]}
    assert status == {FIRST: "failed", SECOND: "proven"}


def test_weights_that_changed_since_are_seen(cli: Cli, stopped: Path, judged: list[str]) -> None:
    for path in (stopped / "weights").glob("rvm*"):
        path.write_bytes(path.read_bytes()[:-4])
    said = cli("verify", stopped, *FEW, "--resume")
    assert (said.code, judged) == (1, [FIRST, SECOND])


def test_a_failure_is_judged_again(
    cli: Cli, bundle: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> list[str]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pocketmatte.verify, "_structure", lambda *_: ("it is odd",))
        patch.setattr("pocketmatte.results.write_text", fail)
        assert cli("verify", bundle, *FEW).code == 130
    judged.clear()
    assert cli("verify", bundle, *FEW, "--resume").code == 0
    assert judged == [FIRST, SECOND]


def test_a_torn_line_is_left_out(cli: Cli, stopped: Path, judged: list[str]) -> None:
    path = stopped / UNFINISHED
    line = path.read_text().strip()
    path.write_text(f"{line[: len(line) // 2]}")
    assert cli("verify", stopped, *FEW, "--resume").code == 0
    assert judged == [FIRST, SECOND]


def test_a_line_after_a_torn_one_counts(stopped: Path) -> None:
    path = stopped / UNFINISHED
    whole = path.read_text()
    path.write_text(f"{whole.strip()[:90]}")
    memory = ProofMemory(stopped, "parity", {}, resume=True)
    memory.keep([Verdict(path="a", sha256="b", size_bytes=1, status="checked")])
    assert len(dict(ProofMemory(stopped, "parity", {}, resume=True)._read())) == 1


def test_nothing_to_go_on_with_is_an_ordinary_run(
    cli: Cli, bundle: Path, judged: list[str]
) -> None:
    assert cli("verify", bundle, *FEW, "--resume").code == 0
    assert judged == [FIRST, SECOND]
    assert not (bundle / UNFINISHED).exists()


def test_no_signature_minds_it(stopped: Path) -> None:
    assert (stopped / UNFINISHED).exists()
    assert not [name for name in listing(stopped).files if name.startswith("results/")]


def test_a_memory_that_cannot_be_removed_is_one_line(cli: Cli, bundle: Path) -> None:
    (bundle / UNFINISHED).mkdir(parents=True)
    assert "cannot remove" in cli("verify", bundle, *FEW).refusal(1)

"""Core ML packages evaluated on any machine: the variants of one program agree, and are checked."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from export.mlpackage import check_mlpackage
from export.program import Captured, capture
from export.recipe import recipe
from export.targets import TARGETS
from pocketmatte.mlprogram.read import read_package
from pocketmatte.runtimes.protocol import FloatArray, Session
from pocketmatte.runtimes.table import RUNTIMES
from pocketmatte.scene import standard_scene
from pocketmatte.stepping import first_states, next_states
from tiers.contract_table import contracts
from tiers.errors import BundleError, ExportError
from tiers.ladder import tier
from tiers.weights import default, network_of

SPEC = tier("rvm", "t01")
(CONTRACT,) = contracts(SPEC)
REFERENCE = RUNTIMES["coreml-reference"]


@pytest.fixture(scope="module")
def captured() -> Captured:
    return capture(network_of(SPEC, default(SPEC)), SPEC, "matte", recipe("fp16"))


@pytest.fixture(scope="module")
def packages(captured: Captured, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    paths = {
        name: folder / f"matte{TARGETS[name].suffix}"
        for name in ("coreml", "coreml-image", "coreml-stateful")
    }
    for name, path in paths.items():
        TARGETS[name].export(captured, path, {})
    return paths


def played(session: Session, count: int) -> Iterator[dict[str, FloatArray]]:
    states = first_states(CONTRACT)
    for moment in standard_scene(SPEC, count):
        outputs = session.run({"frame": moment.frame, **states})
        states = next_states(CONTRACT, outputs)
        yield outputs


def test_states_inside_a_package_are_those_outside_but_for_rounding(
    packages: Mapping[str, Path],
) -> None:
    outside, inside = (
        REFERENCE.load(packages[name], CONTRACT, threads=1)
        for name in ("coreml", "coreml-stateful")
    )
    for expected, given in zip(played(outside, 3), played(inside, 3), strict=True):
        assert expected.keys() == given.keys()
        for name, value in expected.items():
            # the converter writes other operations for iOS 18; measured: up to 1.3e-3, of a state
            assert np.sqrt(np.mean((given[name] - value) ** 2)) < 2e-3, name
    assert np.ptp(expected["alpha"]) > 0.05


def test_images_differ_from_tensors_by_their_8_bits_alone(packages: Mapping[str, Path]) -> None:
    tensors, images = (
        next(played(REFERENCE.load(packages[name], CONTRACT, threads=1), 1))
        for name in ("coreml", "coreml-image")
    )
    for name in ("alpha", "foreground"):
        assert np.abs(tensors[name] - images[name]).max() <= 0.5 / 255 + 4e-3  # and half precision
    np.testing.assert_allclose(images["r1_next"], tensors["r1_next"], atol=2e-2)


def test_a_package_with_states_is_read_back_against_its_contract(
    packages: Mapping[str, Path],
) -> None:
    path = packages["coreml-stateful"]
    check_mlpackage(path, CONTRACT, recipe("fp16"))
    (other,) = contracts(tier("rvm", "t02"))
    with pytest.raises(BundleError, match="its contract says r1: float16"):
        check_mlpackage(path, other, recipe("fp16"))
    with pytest.raises(BundleError, match="holds another program"):
        REFERENCE.load(path, other, threads=1)
    kinds = [each.kind for each in read_package(path).functions["main"].body.operations]
    assert kinds.count("read_state") == kinds.count("write_state") == 4


def test_states_in_single_precision_are_refused(tmp_path: Path) -> None:
    single = capture(network_of(SPEC, default(SPEC)), SPEC, "matte", recipe("fp32"))
    with pytest.raises(ExportError, match="take --recipe fp16"):
        TARGETS["coreml-stateful"].export(single, tmp_path / "m.stateful.mlpackage", {})
    assert not list(tmp_path.iterdir())


def test_a_program_without_states_has_none_to_keep(tmp_path: Path) -> None:
    spec = tier("foreground", "t01")
    made = capture(network_of(spec, default(spec)), spec, "segment", recipe("fp16"))
    with pytest.raises(ExportError, match="no states that are its own and begin at 0"):
        TARGETS["coreml-stateful"].export(made, tmp_path / "m.stateful.mlpackage", {})


def test_a_closed_session_says_so(packages: Mapping[str, Path]) -> None:
    session = REFERENCE.load(packages["coreml"], CONTRACT, threads=1)
    session.close()
    frame = torch.zeros(CONTRACT.inputs[0].shape).numpy()
    with pytest.raises(ValueError, match="is closed; load the file again"):
        session.run({"frame": frame, **first_states(CONTRACT)})

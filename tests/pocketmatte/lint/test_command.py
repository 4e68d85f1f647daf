import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from numpy.typing import NDArray

from export.quiet import quiet
from pocketmatte.commands.linting import lint_
from tiers.errors import BundleError

with quiet():
    import coremltools as ct
    from coremltools.converters.mil import Builder
    from coremltools.converters.mil.mil import types

Ended = tuple[int, str, str]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a package without a fault, one with a warning and one with an error."""
    folder = tmp_path_factory.mktemp("packages")

    def written(name: str, width: int, dtype: type) -> Path:
        kernel: NDArray[Any] = np.ones((16, 16, 1, 1), dtype=dtype)
        with quiet():

            @Builder.program(
                input_specs=[
                    Builder.TensorSpec(
                        (1, 16, 4, width), dtype=types.numpy_type_to_builtin_type(dtype)
                    )
                ],
                opset_version=ct.target.iOS16,
            )
            def program(x):  # type: ignore[no-untyped-def]
                return Builder.conv(x=x, weight=kernel, name="y")

            model = ct.convert(
                program,
                compute_precision=ct.precision.FLOAT32,
                minimum_deployment_target=ct.target.iOS16,
                skip_model_load=True,
            )
            model.save(str(folder / f"{name}.mlpackage"))
        return folder / f"{name}.mlpackage"

    return {
        "clean": written("clean", 32, np.float16),
        "warned": written("warned", 24, np.float16),
        "wrong": written("wrong", 32, np.float32),
    }


@pytest.fixture
def lint(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    def call(
        *files: Path, strict: bool = False, summary: bool = False, as_json: bool = False
    ) -> Ended:
        capfd.readouterr()
        code = 0
        try:
            lint_(list(files), strict=strict, summary=summary, as_json=as_json)
        except typer.Exit as ended:
            code = ended.exit_code
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.mark.parametrize(
    ("name", "strict", "code"),
    [
        ("clean", False, 0),
        ("clean", True, 0),
        ("warned", False, 0),
        ("warned", True, 1),
        ("wrong", False, 1),
    ],
)
def test_errors_end_with_1_and_warnings_where_that_is_asked_for(
    packages: dict[str, Path], lint: Callable[..., Ended], name: str, strict: bool, code: int
) -> None:
    assert lint(packages[name], strict=strict)[0] == code


def test_the_table_has_a_line_for_each_finding_and_says_what_to_do(
    packages: dict[str, Path], lint: Callable[..., Ended]
) -> None:
    code, out, err = lint(packages["wrong"], packages["clean"])
    lines = [line.rstrip() for line in out.splitlines()]
    assert code == 1
    assert any(
        line.startswith("error  wide-floats") and "100.0%" in line and "1 conv in more" in line
        for line in lines
    )
    assert any(line.endswith("clean.mlpackage, main: 1 operations, 0.000 GMACs") for line in lines)
    assert any(line.startswith("wide-floats  build with the fp16 recipe") for line in lines)
    assert err.startswith("1 error, 0 warnings, 1 hint; a lint: it tells what is known to leave")
    assert "not where Core ML will place anything" in err


def test_the_summary_has_a_line_for_each_function_and_names_what_is_worse_than_a_hint(
    packages: dict[str, Path], lint: Callable[..., Ended]
) -> None:
    code, out, _ = lint(packages["wrong"], packages["warned"], packages["clean"], summary=True)
    wrong, warned, clean = (line.split() for line in out.splitlines()[-3:])
    assert code == 1
    assert wrong[-2:] == ["wide-floats", "100%"]
    assert warned[2:5] == ["0", "1", "1"]
    assert warned[-2:] == ["row-alignment", "100%"]
    assert clean[1:] == ["1", "0", "0", "0"]


def test_json_holds_everything(packages: dict[str, Path], lint: Callable[..., Ended]) -> None:
    code, out, _ = lint(packages["warned"], packages["warned"], as_json=True)
    result = json.loads(out)
    assert code == 0
    assert result["passed"] is True
    assert result["counts"] == {"error": 0, "warning": 1, "hint": 1}
    assert "a lint" in result["note"]
    (file,) = result["files"]
    assert file["path"].endswith("warned.mlpackage")
    (function,) = file["functions"]
    assert (function["macs"], function["operation_count"]) == (24 * 4 * 16 * 16, 1)
    finding = function["findings"][0]
    assert finding["rule"] == "row-alignment"
    assert (finding["operations"], finding["tensors"]) == (["y"], ["x", "y"])
    assert finding["mac_share"] == 1
    assert finding["sources"][0]["kind"] == "Apple"
    assert finding["sources"][0]["url"].startswith("https://")


def test_what_is_no_package_is_refused_in_one_line(
    packages: dict[str, Path], lint: Callable[..., Ended], tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="no Core ML package"):
        lint(tmp_path / "none.mlpackage")
    cut = Path(shutil.copytree(packages["clean"], tmp_path / "cut.mlpackage"))
    (model,) = cut.rglob("model.mlmodel")
    model.write_bytes(model.read_bytes()[:100])
    with pytest.raises(BundleError) as caught:
        lint(packages["clean"], cut, as_json=True)
    assert "\n" not in str(caught.value)

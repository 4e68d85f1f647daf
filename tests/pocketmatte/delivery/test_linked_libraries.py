"""The page names the libraries that an app links as the Android app of this project links them."""

import tomllib

import pytest


def test_the_page_names_the_runtimes_at_the_versions_that_the_harness_links(
    request: pytest.FixtureRequest,
) -> None:
    root = request.config.rootpath
    catalogue = tomllib.loads((root / "android_harness/gradle/libs.versions.toml").read_text())
    page = (root / "docs" / "delivery.md").read_text()
    for name, runtime in (("executorch-android", "ExecuTorch"), ("onnxruntime-android", "ONNX R")):
        library = catalogue["libraries"][name]
        version = catalogue["versions"][library["version"]["ref"]]
        (line,) = [each for each in page.splitlines() if f"`{library['module']}:" in each]
        assert f"`{library['module']}:{version}`" in line
        assert runtime in line

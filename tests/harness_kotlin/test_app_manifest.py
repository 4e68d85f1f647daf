"""The app's manifest as Android's own tools read it: a signed APK without code, built and checked.

The attributes are those of API 29, the newest framework that Debian has.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
PROGRAMS = {
    "aapt": "aapt",
    "zipalign": "zipalign",
    "apksigner": "apksigner",
    "keytool": "default-jre-headless",
}
ACTIVITY = re.compile(r'<activity\s+android:name="\.(\w+)"')


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            pytest.skip(f"not run: {program} is not installed (Debian: {package})")
    if not FRAMEWORK.exists():
        pytest.skip("not run: framework-res.apk is not there (Debian: android-framework-res)")


@pytest.fixture(scope="module")
def app(root: Path) -> Path:
    return root / "android_harness" / "app"


def packaged(manifest: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Package a manifest as ``plain.apk``; Gradle adds the package's name, and so does this."""
    named = manifest.replace("<manifest ", '<manifest package="org.pocketmatte.harness" ', 1)
    (folder / "AndroidManifest.xml").write_text(named)
    return run(
        "aapt", "package", "-f", "-M", folder / "AndroidManifest.xml", "-I", FRAMEWORK,
        "-F", folder / "plain.apk", "--min-sdk-version", "28", "--target-sdk-version", "36",
        "--version-code", "1", "--version-name", "0.1.0",
    )  # fmt: skip


@pytest.fixture(scope="module")
def signed(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("apk")
    done = packaged((app / "src/main/AndroidManifest.xml").read_text(), folder)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower()
    aligned, keys = folder / "aligned.apk", folder / "keys"
    assert run("zipalign", "-f", "4", folder / "plain.apk", aligned).returncode == 0
    made = run(
        "keytool", "-genkeypair", "-keystore", keys, "-alias", "key", "-storepass", "password",
        "-keypass", "password", "-dname", "CN=test", "-keyalg", "RSA", "-validity", "1",
    )  # fmt: skip
    assert made.returncode == 0, made.stdout
    apk = folder / "app.apk"
    by = ("--ks", keys, "--ks-pass", "pass:password")
    done = run("apksigner", "sign", *by, "--out", apk, aligned)
    assert done.returncode == 0, done.stderr
    return apk


def test_the_signed_package_verifies(signed: Path) -> None:
    done = run("apksigner", "verify", "--verbose", signed)
    assert done.returncode == 0, done.stderr
    assert "Verifies" in done.stdout
    assert run("zipalign", "-c", "4", signed).returncode == 0


def test_a_package_that_was_changed_does_not_verify(signed: Path, tmp_path: Path) -> None:
    content = bytearray(signed.read_bytes())
    content[60] ^= 1
    changed = tmp_path / "changed.apk"
    changed.write_bytes(content)
    assert run("apksigner", "verify", changed).returncode != 0


def test_the_package_is_what_the_gradle_file_says(signed: Path, app: Path) -> None:
    badging = run("aapt", "dump", "badging", signed).stdout
    gradle = (app / "build.gradle.kts").read_text()
    assert 'applicationId = "org.pocketmatte.harness"' in gradle
    assert "package: name='org.pocketmatte.harness'" in badging
    assert "launchable-activity: name='org.pocketmatte.harness.CameraActivity'" in badging
    assert "uses-permission: name='android.permission.CAMERA'" in badging
    assert "uses-feature-not-required: name='android.hardware.camera.any'" in badging


def test_every_activity_of_the_manifest_has_its_class(app: Path) -> None:
    names = ACTIVITY.findall((app / "src/main/AndroidManifest.xml").read_text())
    assert sorted(names) == ["BenchmarkActivity", "CameraActivity"]
    sources = {path.stem: path.read_text() for path in app.rglob("main/kotlin/**/*.kt")}
    for name in names:
        assert re.search(rf"^class {name} : \w*Activity\(\)", sources[name], re.MULTILINE)


def test_an_attribute_that_android_has_not_is_refused(app: Path, tmp_path: Path) -> None:
    text = (app / "src/main/AndroidManifest.xml").read_text()
    wrong = text.replace("android:allowBackup", "android:allowBackups")
    assert wrong != text
    done = packaged(wrong, tmp_path)
    assert done.returncode != 0
    assert "allowBackups" in done.stderr

"""Which of coremltools' test files are run."""

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from tiers.errors import UsageError

VERSION = "9.0"  # of coremltools, whose failures known.py explains

OPERATIONS = "converters/mil/mil/ops/tests"
_TORCH = "converters/mil/frontend/torch/test"
# By suite; a test belongs to the first suite that names its file.
SUITES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "compression": (
            f"{OPERATIONS}/iOS16/test_constexpr_ops.py",
            f"{OPERATIONS}/iOS17/test_quantization.py",
            f"{OPERATIONS}/iOS18/test_compression.py",
            f"{OPERATIONS}/iOS18/test_states.py",
            f"{_TORCH}/test_torch_stateful_model.py",
            "test/optimize/coreml/test_post_training_quantization.py",
        ),
        "operations": (f"{OPERATIONS}/iOS*/test_*.py",),
        "frontend": (
            f"{_TORCH}/test_torch_ops.py",
            f"{_TORCH}/test_torch_conversion_api.py",
            "converters/mil/test_inputs_outputs_shape.py",
        ),
    }
)


def package() -> Path:
    """Return the folder of coremltools, without importing it.

    Raises:
        UsageError: If it is not installed or brings no tests.
    """
    spec = importlib.util.find_spec("coremltools")
    places = spec.submodule_search_locations if spec is not None else None
    folder = Path(next(iter(places))) if places else None
    if folder is None or not (folder / OPERATIONS).is_dir():
        msg = f"coremltools with its own tests is not here; install coremltools=={VERSION}"
        raise UsageError(msg)
    return folder


def files(folder: Path) -> Iterator[str]:
    """Yield every file of every suite, relative to coremltools' ``folder``, once.

    Raises:
        UsageError: If one is not there.
    """
    found: dict[str, None] = {}
    for patterns in SUITES.values():
        for pattern in patterns:
            paths = sorted(folder.glob(pattern))
            if not paths:
                msg = f"{folder} has no {pattern}; the suites are those of coremltools {VERSION}"
                raise UsageError(msg)
            found.update(dict.fromkeys(str(path.relative_to(folder)) for path in paths))
    yield from found


def suite_of(test: str) -> str:
    """Return the name of the suite that a test belongs to."""
    own = Path(test.partition("::")[0])
    return next(
        name for name, patterns in SUITES.items() if any(own.match(pattern) for pattern in patterns)
    )

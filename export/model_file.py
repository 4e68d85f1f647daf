"""Read a JSON file that a pydantic model describes."""

from pathlib import Path
from typing import TypeVar

import pydantic

from tiers.errors import BundleError

_Model = TypeVar("_Model", bound=pydantic.BaseModel)


def read_model(path: Path, model: type[_Model], what: str, way_out: str) -> _Model:
    """Read and check a file.

    Args:
        path: The file.
        model: What it must be.
        what: Its name, for the message: ``manifest``.
        way_out: What to do, for the message: ``build it again``.

    Raises:
        BundleError: If it cannot be read or is not of the model; the message names the first place.
    """
    try:
        return model.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read ({error}); {way_out}"
        raise BundleError(msg) from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        msg = f"{path} is no {what}: {where}: {first['msg']}; {way_out}"
        raise BundleError(msg) from error

"""Read files that may be damaged or hostile: JSON of a known shape, with its hash."""

import hashlib
import json
from pathlib import Path
from typing import Never

from pocketmatte.selection.shapes import MisfitError, Shape, parsed, refuse, shown
from tiers.errors import BundleError, MissingBundleError

_MOST_BYTES = 256 * 2**20  # a result of an hour of samples has about four


def read_bytes(path: Path, what: str, way_out: str, most_bytes: int = _MOST_BYTES) -> bytes:
    """Return what a file holds.

    Raises:
        MissingBundleError: If it is missing.
        BundleError: If it is no file, too large, or the disk refuses it.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would never end
            msg = f"{path} is no file, so no {what}; {way_out}"
            raise BundleError(msg)
        if (size_bytes := path.stat().st_size) > most_bytes:
            msg = f"{path} has {size_bytes} bytes; at most {most_bytes} are read: {way_out}"
            raise BundleError(msg)
        return path.read_bytes()
    except FileNotFoundError as error:
        msg = f"{path} cannot be read ({error.strerror}); {way_out}"
        raise MissingBundleError(msg) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        reason = getattr(error, "strerror", None) or error
        msg = f"{path} cannot be read ({reason}); {way_out}"
        raise BundleError(msg) from error


def read_shape(
    path: Path, kind: type[Shape], what: str, way_out: str, *, closed: bool = False
) -> tuple[Shape, str]:
    """Read a JSON file of a shape, and return it with the sha256 of its bytes.

    Args:
        path: The file.
        kind: A dataclass, see ``shapes.parsed``.
        what: The file's name in messages: ``manifest``.
        way_out: What to do, in messages: ``build it again``.
        closed: Whether unknown fields are refused.

    Raises:
        BundleError: If it cannot be read or is of another shape; the message names the place.
    """
    data = read_bytes(path, what, way_out)
    try:
        value = parsed(json_value(data), kind, closed=closed)
    except MisfitError as error:
        msg = f"{path} is no {what}: {error}; {way_out}"
        raise BundleError(msg) from error
    return value, hashlib.sha256(data).hexdigest()


def json_value(data: bytes) -> object:
    """Return what JSON in UTF-8 says.

    Raises:
        MisfitError: If it is none, or holds ``NaN`` or ``Infinity``, which JSON has not.
    """
    try:
        found: object = json.loads(data.decode("utf-8"), parse_constant=_no_number)
    except MisfitError:
        raise
    except RecursionError:
        refuse("brackets within brackets without end")
    except ValueError as error:  # no UTF-8, no JSON, a number of thousands of digits
        refuse(f"it is no JSON ({shown(str(error))})")
    return found


def _no_number(name: str) -> Never:
    refuse(f"it holds {name}, which JSON has not")

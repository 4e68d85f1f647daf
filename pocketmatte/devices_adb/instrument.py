"""What ``am instrument -r`` prints: its exit code is 0 whatever became of the test.

The form is that of Android's documentation and source.
"""

import re

_STARTED, _PASSED, _ERROR, _FAILURE, _IGNORED, _ASSUMED = 1, 0, -1, -2, -3, -4
_FAULTS = {
    _ERROR: "an error",
    _FAILURE: "a failed check",
    _IGNORED: "a test that is ignored",
    _ASSUMED: "an assumption that does not hold",
}
_SESSION_GOOD = -1  # Activity.RESULT_OK
_STATUS_CODE = re.compile(r"^INSTRUMENTATION_STATUS_CODE: (-?\d+)\s*$", re.MULTILINE)
_CODE = re.compile(r"^INSTRUMENTATION_CODE: (-?\d+)\s*$", re.MULTILINE)
_MESSAGES = (
    r"^INSTRUMENTATION_RESULT: longMsg=(.+)$",
    r"^INSTRUMENTATION_RESULT: shortMsg=(.+)$",
    r"^INSTRUMENTATION_STATUS: Error=(.+)$",
    r"^INSTRUMENTATION_STATUS: stack=(.+)$",
    r"^(INSTRUMENTATION_ABORTED: .+)$",
    r"^(INSTRUMENTATION_FAILED: .+)$",
)


def instrumentation_fault(text: str) -> str | None:
    """Return what went wrong, in one line, or ``None`` if a test began, passed, and all ended well.

    Args:
        text: All that ``am instrument -w -r`` printed.
    """
    codes = [int(code) for code in _STATUS_CODE.findall(text)]
    message = _message(text)
    if "Process crashed" in text:
        return f"the app crashed: {message}"
    if fault := next((_FAULTS[code] for code in codes if code in _FAULTS), None):
        return f"the app reported {fault}: {message}"
    ended = _CODE.search(text)
    if ended is None:
        return f"am instrument did not come to its end: {message}"
    if int(ended[1]) != _SESSION_GOOD:
        return f"the app ended its session with {ended[1]}: {message}"
    if codes.count(_STARTED) and not codes.count(_PASSED):
        return f"a test began and did not end: {message}"
    return None


def _message(text: str) -> str:
    """Return what says most of what went wrong."""
    for pattern in _MESSAGES:
        if found := re.search(pattern, text, re.MULTILINE):
            return found[1].strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"

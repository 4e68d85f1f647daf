"""What am instrument prints is read; the texts are from documentation, not recorded."""

import pytest

from pocketmatte.devices_adb.instrument import instrumentation_fault
from tests.adb.device_programs.stand_in import CRASHED, ENDED, TEST_BEGAN, TEST_FAILED, TEST_PASSED

NO_COMPONENT = """\
INSTRUMENTATION_STATUS: id=ActivityManagerService
INSTRUMENTATION_STATUS: Error=Unable to find instrumentation info for: ComponentInfo{a/b}
INSTRUMENTATION_STATUS_CODE: -1
android.util.AndroidException: INSTRUMENTATION_FAILED: a/b
"""
LONG_MESSAGE = """\
INSTRUMENTATION_RESULT: shortMsg=java.lang.OutOfMemoryError
INSTRUMENTATION_RESULT: longMsg=java.lang.OutOfMemoryError: Failed to allocate 9 bytes
INSTRUMENTATION_CODE: 0
"""
ABORTED = "INSTRUMENTATION_ABORTED: System has crashed.\n"


def test_a_test_that_began_passed_and_ended_has_no_fault() -> None:
    assert instrumentation_fault(TEST_BEGAN + TEST_PASSED + ENDED) is None


def test_lines_that_end_as_a_terminal_ends_them_are_the_same() -> None:
    text = (TEST_BEGAN + TEST_PASSED + ENDED).replace("\n", "\r\n")
    assert instrumentation_fault(text) is None


@pytest.mark.parametrize(
    ("code", "words"),
    [(-1, "an error"), (-2, "a failed check"), (-3, "ignored"), (-4, "an assumption")],
)
def test_every_code_but_passing_is_a_fault(code: int, words: str) -> None:
    text = TEST_BEGAN + TEST_FAILED.replace("-2", str(code)) + ENDED
    assert words in (instrumentation_fault(text) or "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEST_BEGAN + CRASHED, "the app crashed: Process crashed."),
        (TEST_BEGAN + TEST_PASSED + CRASHED, "the app crashed: Process crashed."),
        (NO_COMPONENT, "Unable to find instrumentation info"),
        (LONG_MESSAGE, "ended its session with 0: java.lang.OutOfMemoryError: Failed to allocate"),
        (TEST_BEGAN + ABORTED, "did not come to its end: INSTRUMENTATION_ABORTED: System"),
        (TEST_BEGAN + ENDED, "a test began and did not end"),
        (TEST_BEGAN, "did not come to its end"),
        ("", "did not come to its end: it said nothing"),
    ],
)
def test_what_went_wrong_is_told_in_one_line(text: str, words: str) -> None:
    fault = instrumentation_fault(text) or ""
    assert words in fault
    assert "\n" not in fault

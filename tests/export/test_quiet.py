import logging
import sys
import warnings

import pytest

from export.quiet import quiet


def test_chatter_is_silenced_inside_and_heard_again_after(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with quiet():
        sys.stdout.write("inside")
        sys.stderr.write("inside")
        logging.getLogger("converter").warning("inside")
        warnings.warn("inside", stacklevel=1)
    sys.stdout.write("after")
    logging.getLogger("converter").warning("after")
    assert capsys.readouterr() == ("after", "")
    assert caplog.messages == ["after"]


def test_silence_ends_with_an_error() -> None:
    before = logging.root.manager.disable
    with pytest.raises(ValueError, match="loud"), quiet():
        raise ValueError("loud")  # noqa: EM101
    assert logging.root.manager.disable == before

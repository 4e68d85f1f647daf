"""The command line, as the tests of the other folders call it."""

from tests.pocketmatte.conftest import cli

__all__ = ["cli"]

"""The network that holds several rows of a ladder as its slices."""

import dataclasses

import pytest
import torch

from tiers.blocks.elastic import slice_plan
from tiers.envelope import envelope
from tiers.ladder import LADDERS, ladder
from tiers.networks import build
from tiers.rows.foreground import ForegroundShape
from tiers.weights import own_rows


@pytest.mark.parametrize("network", LADDERS)
def test_every_row_is_a_slice_of_the_envelope_of_those_up_to_it(network: str) -> None:
    rows = [*own_rows(network).values()]
    for count in (1, len(rows) // 2, len(rows)):
        with torch.device("meta"):
            whole = build(envelope(rows[:count]))
            parts = [build(row) for row in rows[:count]]
        assert all(slice_plan(whole, part) for part in parts)


def test_a_single_row_is_its_own_envelope() -> None:
    row = ladder("matanyone")["t03"]
    assert envelope([row]) == row


def test_what_is_wider_in_a_lower_row_is_kept() -> None:
    rows = ladder("foreground")
    held = envelope([rows["t05"], rows["t06"]]).shaped(ForegroundShape)
    below, above = (rows[name].shaped(ForegroundShape) for name in ("t05", "t06"))
    assert below.decoder > above.decoder
    assert held.decoder == below.decoder
    assert held.width == above.width


def test_rows_of_two_kinds_have_no_envelope() -> None:
    rows = ladder("rvm")
    with pytest.raises(ValueError, match="t12 has 'resnet50' where narrower rows have 'mobilenet"):
        envelope([rows["t08"], rows["t12"]])
    two = dataclasses.replace(rows["t01"], shape=ladder("fusion")["t01"].shape)
    with pytest.raises(ValueError, match="they share no weights"):
        envelope([rows["t01"], two])

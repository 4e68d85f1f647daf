import pytest

from pocketmatte.build_key import sources
from tiers.ladder import LADDERS


@pytest.mark.parametrize("network", LADDERS)
def test_a_network_is_made_of_its_own_code_and_of_no_other_networks(network: str) -> None:
    names = {f"{path.parent.name}/{path.stem}" for path in sources(network)}
    assert {f"rows/{network}", f"networks/{network}", "export/program", "blocks/elastic"} <= names
    others = {each for each in LADDERS if each != network}
    assert not {f"{folder}/{each}" for folder in ("rows", "networks") for each in others} & names


def test_a_block_makes_only_the_networks_out_of_date_that_have_it() -> None:
    using = {
        network
        for network in LADDERS
        if any(path.name == "conv_gru.py" for path in sources(network))
    }
    assert "rvm" in using
    assert "fusion" not in using

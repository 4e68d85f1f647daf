"""What may be otherwise with a run, and what a comparison says of two."""

from typing import Any

from pocketmatte.device_results.compare import Compared, Comparison, compare
from pocketmatte.device_results.figures import Figure
from tests.pocketmatte.device_results.made import Change, kept, samples

BEFORE, AFTER = samples(1), samples(2)


def compared(before: dict[str, Any], after: dict[str, Any]) -> Comparison:
    return compare([kept(before)], [kept(after)])


def only(found: Comparison) -> Compared:
    (pair,) = found.compared
    assert found.apart == ()
    return pair


def figure(found: Comparison, what: str) -> Figure:
    return next(each for each in only(found).figures if each.what == what)


def figure_of(what: str, before: dict[str, Any], after: dict[str, Any]) -> Figure:
    return figure(compared(before, after), what)


def process(name: str) -> Change:
    return lambda r: r["execution"].update(process=name)


def device(**facts: object) -> Change:
    return lambda r: r["device"].update(facts)


def no_phone(result: dict[str, Any]) -> None:
    result["validity"].update(physical_device=False, latency_valid=False)
    result["execution"]["process"] = "host"


def throttled(result: dict[str, Any]) -> None:
    result["thermal"][0]["status"] = 3
    result["validity"].update(thermal_ok=False, latency_valid=False)
    result["status"] = "invalid"


def debuggable(result: dict[str, Any]) -> None:
    result["validity"].update(not_debuggable=False, latency_valid=False)
    result["status"] = "invalid"


def hurried(result: dict[str, Any]) -> None:
    result["validity"].update(min_runs_met=False, latency_valid=False)
    result["plan"]["runs"] = 1000
    result["status"] = "invalid"


def fell_back(result: dict[str, Any]) -> None:
    result["execution"]["delegate_actual"] = "Portable"
    result["status"] = "fallback"


def failed(result: dict[str, Any]) -> None:
    result["parity"]["outputs"][0]["faults"] = ["mad"]
    result["parity"]["passed"] = False
    result.update(status="parity_failed", errors=["alpha strays"])


def saving(result: dict[str, Any]) -> None:
    result["battery"] = [
        {"seconds": 0.0, "percent": 9.0, "charging": False, "low_power_mode": True}
    ]


def unread_heat(result: dict[str, Any]) -> None:
    result["thermal"] = []
    result["validity"]["thermal_ok"] = None

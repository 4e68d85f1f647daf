"""Several devices at once, each in a thread of its own."""

import concurrent.futures
import threading
from collections.abc import Sequence

from pocketmatte.devices_adb.outcome import Outcome
from pocketmatte.devices_adb.session import Session


def measure_all(sessions: Sequence[Session], stop: threading.Event) -> list[Outcome]:
    """Return what came of all runs on all devices, device by device.

    Args:
        sessions: At least one.
        stop: Of their devices; set where Ctrl-C falls, so that each cleans up before it ends.
    """
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(sessions)) as pool:
        futures = [pool.submit(session.measure) for session in sessions]
        try:
            return [outcome for future in futures for outcome in future.result()]
        except BaseException:
            stop.set()
            raise

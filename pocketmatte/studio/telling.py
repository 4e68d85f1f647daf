"""The whole state of a session, as the page is told it."""

from typing import get_args

from pocketmatte.studio.brush import line_px
from pocketmatte.studio.choices import EVERY_FRAME, TORCH, Choice
from pocketmatte.studio.lane import Lane
from pocketmatte.studio.loading import Loaded
from pocketmatte.studio.requests import Pane
from pocketmatte.studio.session import Session
from pocketmatte.studio.views import shown_hw


def told(session: Session) -> dict[str, object]:
    """Return what the page shows, in JSON's types."""
    running, ended, loaded = session.jobs.running, session.jobs.ended, session.loaded
    return {
        "version": session.version,
        "source": None if loaded is None else _source(loaded),
        "engines": [] if loaded is None else [each.told for each in loaded.engines],
        "rounds": [
            {
                "frame": each.frame,
                "kind": ("keep" if each.strokes[0].positive else "remove")
                if each.strokes
                else "found",
            }
            for each in session.rounds
        ],
        "can_undo": session.history.can_undo,
        "can_redo": session.history.can_redo,
        "panes": {pane: _pane(session, pane) for pane in get_args(Pane)},
        "job": None
        if running is None
        else {
            "number": running.number,
            "what": running.what,
            "step": running.step,
            "done": running.done,
            "total": running.total,
        },
        "ended": {
            "number": ended.number,
            "error": None if ended.error is None else session.without_folder(ended.error),
            "cancelled": ended.cancelled,
        },
        "exports": [
            {
                "number": each.number,
                "name": each.path.name,
                "size_bytes": each.size_bytes,
                "note": each.note,
            }
            for each in session.results.kept
        ],
        "background": session.background_version,
    }


def _source(loaded: Loaded) -> dict[str, object]:
    reel = loaded.reel
    height, width = reel.size_hw
    return {
        "name": loaded.name,
        "argument": loaded.argument,
        "number": loaded.number,
        "width": width,
        "height": height,
        "shown": shown_hw(reel.size_hw)[::-1],
        "count": reel.count,
        "rate": float(reel.source.rate),
        "sound": loaded.sound,
        "truncated": reel.truncated,
        "line_px": line_px(reel.size_hw),
    }


def _pane(session: Session, pane: Pane) -> dict[str, object] | None:
    choice, lane = session.choices.get(pane), session.lane(pane)
    if choice is None:
        return None
    return {
        "choice": choice.told,
        "command": _command(choice),
        "made": None if lane is None else _made(session, lane),
    }


def _made(session: Session, lane: Lane) -> dict[str, object]:
    figures = {each.network: each for each in lane.meter.figures}
    every = [figures[name] for name in EVERY_FRAME[lane.choice.way] if name in figures]
    whole = len(every) == len(EVERY_FRAME[lane.choice.way])
    return {
        "current": lane.choice.way == "rvm" or lane.rounds == session.rounds,
        "followed": lane.is_followed,
        "matted": lane.is_matted,
        "reached": lane.is_reached,
        "frame_ms": sum(each.frame_ms for each in every) if whole else None,
        "size_bytes": sum(each.size_bytes for each in figures.values()),
        "figures": [
            {
                "network": each.network,
                "frames": each.frames,
                "frame_ms": each.frame_ms,
                "size_bytes": each.size_bytes,
            }
            for each in figures.values()
        ],
    }


def _command(choice: Choice) -> str:
    """Return the words after the source that make the same result on the command line."""
    words = [] if choice.way == "rvm" else ["--rounds rounds.json"]
    if choice.method != "propagate":
        words.append(f"--method {choice.method}")
    if choice.way == "mask":
        words.append("--alpha mask")
    words.append(f"--tier {choice.tier}")
    if choice.form != TORCH:
        words.append(f"--bundle BUNDLE --format {choice.form} --recipe {choice.recipe}")
    return " ".join(words)

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pocketmatte.studio.choices import Choice
from pocketmatte.studio.guard import Guard
from pocketmatte.studio.server import Served
from pocketmatte.studio.session import Session
from tests.pocketmatte.cut.made import Clip, Cutter, clip, write_video
from tests.pocketmatte.studio.asking import HERE, MOST_BYTES, PORT, TOKEN
from tests.pocketmatte.studio.steps import Steps

SMALLEST = Choice(way="stfam", tier="t01")


@pytest.fixture(scope="session")
def seven() -> Clip:
    """Return seven frames of a person, with masks."""
    return clip(7)


@pytest.fixture(scope="session")
def video(seven: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return them as a video with a tone."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    return write_video(path, seven.frames, sound="aac")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Return a session without a source."""
    folder = tmp_path / "private"
    folder.mkdir()
    made = Session(folder, None, 1)
    yield made
    made.close()


@pytest.fixture
def client(session: Session) -> Iterator[TestClient]:
    """Return who asks a session."""
    app = Guard(Served(session, MOST_BYTES).app, TOKEN, PORT)
    with TestClient(app, base_url=HERE) as made:
        yield made


@pytest.fixture
def steps(session: Session, video: Path) -> Steps:
    """Return a session with the video open, both panes at t01 in PyTorch."""
    taken = Steps(session)
    taken.end(session.open(video, "clip.mp4", uploaded=False))
    session.choose("left", SMALLEST)
    session.choose("right", SMALLEST)
    return taken


@pytest.fixture
def cutter(cli: Callable[..., Any]) -> Cutter:
    """Return the cut command at t01."""
    return Cutter(cli)

"""How the tests ask the studio: with its token, at a port that nothing listens on."""

from typing import Any

from starlette.testclient import TestClient

from pocketmatte.studio.guard import new_token

PORT = 4321
HERE = f"http://127.0.0.1:{PORT}"
TOKEN = new_token()
MOST_BYTES = 300_000


def at(path: str) -> str:
    """The path of a request."""
    return f"/{TOKEN}/{path}"


def error(client: TestClient, path: str, status: int, **given: Any) -> str:
    """The one line that a refused request is answered with."""
    answer = client.post(at(path), **given)
    assert answer.status_code == status, answer.text
    said: str = answer.json()["error"]
    assert "\n" not in said
    return said

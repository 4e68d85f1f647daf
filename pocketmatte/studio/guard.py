"""Who may speak to the studio: the page that it served, on this machine, with its token.

A page of another site can make a browser send requests here; it can neither set the headers
``Host`` and ``Origin`` nor know the token, which is the first part of every path. A name of another
site that is made to lead to this machine (DNS rebinding) stands in ``Host``.
"""

import secrets
from typing import TypeAlias

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
_NAMES = (LOOPBACK, "localhost")
_USUAL_PORT = 80

_Headers: TypeAlias = dict[str, str]

# Nothing is loaded but what the studio serves, and nobody may frame it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),  # the token is in the address
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


def new_token() -> str:
    """Return 256 random bits for an address."""
    return secrets.token_urlsafe(32)


class Guard:
    """Refuses whoever may not speak, and takes the token off the path for the rest.

    Args:
        app: What is guarded.
        token: First part of every path.
        port: That the studio listens on.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._hosts = frozenset(f"{name}:{port}" for name in _NAMES)
        if port == _USUAL_PORT:  # which a browser leaves out
            self._hosts |= frozenset(_NAMES)
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
                return
            msg = f"the studio speaks HTTP alone, not {scope['type']}"
            raise RuntimeError(msg)
        refusal = self._refusal(scope)
        if refusal is not None:
            await PlainTextResponse(refusal[1] + "\n", refusal[0], dict(_text_headers()))(
                scope, receive, send
            )
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        _, _, rest = scope["path"].removeprefix("/").partition("/")
        inner = {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}
        await self._app(inner, receive, guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason why a request is not answered, or ``None``."""
        pairs = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        headers = dict(pairs)
        hosts = [value for name, value in pairs if name == "host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 421, "the studio answers to 127.0.0.1 and localhost alone"
        if "origin" in headers and headers["origin"].lower() not in self._origins:
            return 403, "the studio takes nothing from pages of other sites"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, "the studio takes nothing from pages of other sites"
        first, slash, _ = scope["path"].removeprefix("/").partition("/")
        if not slash or not secrets.compare_digest(first.encode(), self._token.encode()):
            return 403, "the address lacks its token; open the one that the terminal shows"
        return None


def _text_headers() -> list[tuple[str, str]]:
    return [(name.decode(), value.decode()) for name, value in _HEADERS]

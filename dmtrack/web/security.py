"""Who may talk to the server: those who know its token, from a page of its own, under a name that it goes by."""

from __future__ import annotations

import secrets
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; frame-ancestors 'self' http://localhost:* http://127.0.0.1:*; base-uri 'none'; "
    "form-action 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Of every answer; nothing is asked of another server."""

COLAB = "googleusercontent.com"
"""Ends the names under which Colab brings the page to a notebook, whose pages may then show it in a frame."""

_SCHEME = HTTPBearer(auto_error=False, description="The token that `dmtrack serve` prints.")


class OwnNamesOnly:
    """Refuses requests under a foreign name (DNS rebinding) or from a foreign page, and adds `HEADERS` to answers.

    Args:
        app: what answers the others.
        names: host names that the server goes by, without ports, which change on the way through SSH.
    """

    def __init__(self, app: ASGIApp, names: tuple[str, ...]) -> None:
        self._app, self._names, self._headers = app, frozenset((*LOCAL_NAMES, *names)), dict(HEADERS)
        if any(name.endswith("." + COLAB) for name in names):
            policy = self._headers["Content-Security-Policy"]
            around = f"frame-ancestors https://colab.research.google.com https://*.{COLAB}"
            self._headers["Content-Security-Policy"] = policy.replace("frame-ancestors", around)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked, origin = _host("//" + headers.get("host", "")), headers.get("origin")
        if asked not in self._names or (origin is not None and _host(origin) not in self._names):
            by_name = f"this server does not go by the name {asked!r}; dmtrack serve --allow-host NAME adds one"
            said = by_name if asked not in self._names else f"pages of {origin} may not ask this server"
            refusal = JSONResponse({"error": said}, 421, self._headers)
            await refusal(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in self._headers.items()
                      if name.lower().encode() not in present),
                ]  # fmt: skip
            await send(message)

        await self._app(scope, receive, with_headers)


def token_check(token: str) -> Any:
    """A dependency that refuses requests without the token, `Authorization: Bearer <token>`.

    A header, which browsers send by no cookie and no link: another page cannot make one's browser act.
    """

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Security(_SCHEME)]) -> None:
        if given is None or not secrets.compare_digest(given.credentials.encode(), token.encode()):
            raise HTTPException(401, "the token is missing or wrong; open the address that dmtrack serve printed",
                                {"WWW-Authenticate": "Bearer"})  # fmt: skip

    return Depends(check)


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None

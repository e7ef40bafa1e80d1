"""Bodies of requests have an end: nobody, logged in or not, fills the page's memory."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_MAX = 4 << 20  # bytes: 200 marked documents are 30 KB, the longest query string of a cart 1 MB


class BodyLimit:
    """ASGI: 413 for a body of more than 4 MiB, whatever its header says of its length."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and count what comes in."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > BODY_MAX:
                raise HTTPException(413)
            return message

        await self.app(scope, counted, send)

"""Headers of every answer: browsers and proxies keep nothing, nothing runs that is not ours, only Airflow frames."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def policy(airflow: str) -> str:
    """The Content-Security-Policy; `airflow` = the origin that may show the page in a frame."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            f"frame-ancestors 'self' {airflow}".strip(),
        )
    )


class SecurityHeaders:
    """ASGI: adds the headers; a route's own Cache-Control stays."""

    def __init__(self, app: ASGIApp, airflow: str) -> None:
        self.app = app
        self._always = {
            "Content-Security-Policy": policy(airflow),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; put the headers on what comes back."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._always.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, with_headers)

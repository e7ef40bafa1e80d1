"""What a server of ASGI starts: the page, set up from the environment."""

from __future__ import annotations

from fastapi import FastAPI

from dicomdex.settings import Settings
from dicomdex_web.app import create_app
from dicomdex_web.settings import WebSettings


def make() -> FastAPI:
    """The application of DICOMDEX_* and DICOMDEX_WEB_*."""
    return create_app(Settings.load(), WebSettings.load())

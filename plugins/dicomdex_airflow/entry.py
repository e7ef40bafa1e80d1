"""The way from Airflow to the page: a one-time code for who is logged in, and Airflow's token for the page.

The page is another program at another address. Airflow shows it in a frame, whose address is ours first: it mints a
code and sends the browser on. Then the page asks for the token of that user, by a proof that only it can make.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, Field

from dicomdex import handover

DEFAULT_PAGE = "http://127.0.0.1:8800"
NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

router = APIRouter()
# Mounted, so that what the app wants of its callers, a login, is not wanted here: the page has none, it has the secret.
to_page = FastAPI(title="dicomdex handover", docs_url=None, redoc_url=None, openapi_url=None)


class Proof(BaseModel):
    """What the page sends."""

    proof: str = Field(max_length=2 * handover.CODE_MAX)


@router.get("/page")
def page(user: GetUserDep) -> RedirectResponse:
    """Send who is logged in to the page, with a code; 403 for a role that the page does not know."""
    role = role_of(user)
    if not role:
        raise HTTPException(403, "your role has no access to the page")
    code = handover.mint(_secret(), user.get_name(), role, get_auth_manager().serialize_user(user))
    there = f"{page_url()}/enter?{urlencode({'code': code})}"
    return RedirectResponse(there, status_code=303, headers=NO_STORE)


@to_page.post("/token")
def token(proof: Proof) -> JSONResponse:
    """Airflow's token of the user that a code was minted for; 401 without the page's proof."""
    carried = handover.proved(_secret(), proof.proof)
    if carried is None:
        raise HTTPException(401, "this proof is not of the page")
    manager = get_auth_manager()
    return JSONResponse({"token": manager.generate_jwt(manager.deserialize_user(carried.user))}, headers=NO_STORE)


def role_of(user: Any) -> str:
    """The highest role of a user that the page knows, of one (SimpleAuthManager) or several (FAB); empty = none."""
    one = getattr(user, "role", None)
    named = [str(one)] if one else [str(role.name) for role in getattr(user, "roles", ())]
    known = [name.lower() for name in named if name.lower() in handover.ROLES]
    return max(known, key=handover.ROLES.index, default="")


def page_url() -> str:
    """Where browsers find the page."""
    port = os.environ.get("DICOMDEX_WEB_PORT")
    given = os.environ.get("DICOMDEX_WEB_URL") or (f"http://127.0.0.1:{port}" if port else DEFAULT_PAGE)
    return given.rstrip("/")


def _secret() -> str:
    path = os.environ.get("DICOMDEX_WEB_AIRFLOW_SECRET_FILE", "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        said = "DICOMDEX_WEB_AIRFLOW_SECRET_FILE names no file that can be read: set it to the page's"
        raise HTTPException(503, said) from None

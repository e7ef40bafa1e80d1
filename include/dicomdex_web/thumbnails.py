"""GET /thumbnails/{document id}: a small picture of an instance, or of a series' or study's representative.

Always a picture, so that a page needs nothing but `<img>`: where there is none to show, an icon with the reason in
words.
"""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from fastapi import APIRouter, Request, Response
from markupsafe import escape

from dicomdex.adapters.served_children import NotMade
from dicomdex.serve import Locator, Refusal, locator_of
from dicomdex.serve_pixels import why_hidden
from dicomdex_web.failures import NotFound
from dicomdex_web.files import UNKNOWN
from dicomdex_web.files_state import Take, take_of
from dicomdex_web.session import Viewer, address

router = APIRouter()
SVG, WEBP = "image/svg+xml", "image/webp"
REVEALED = "yes"
LINE = 30  # characters of a line of the icon's words
_EYE = '<path d="M98 62q30-34 60 0q-30 34-60 0z"/><circle cx="128" cy="62" r="9"/><path d="M100 84L156 40"/>'
_PICTURE = '<rect x="98" y="40" width="60" height="46" rx="5"/><path d="M98 78l18-18 14 12 12-9 16 14"/>'
_DRAWN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 256 256" role="img" aria-label="{label}">'
    "<title>{label}</title>"
    '<rect width="256" height="256" fill="#111"/>'
    '<g fill="none" stroke="#aaa" stroke-width="4" stroke-linejoin="round">{sign}</g>'
    '<g fill="#aaa" font-family="sans-serif" font-size="15" text-anchor="middle">{text}</g></svg>'
)


@router.get("/thumbnails/{document_id}")
def thumbnail(request: Request, document_id: str, person: Viewer, reveal: str = "") -> Response:
    """A WebP, or an SVG icon that says why there is none. `reveal=yes` shows what may have text burned in."""
    take = take_of(request)
    document = instance_of(take, document_id)
    if document is None:
        raise NotFound(UNKNOWN)
    hidden = why_hidden(document)
    if hidden and reveal != REVEALED:
        return icon(hidden, hidden=True)
    made = picture(take, document)
    if isinstance(made, NotMade):
        return icon(made.sentence)
    said = "thumbnail revealed" if hidden else "thumbnail"
    request.app.state.trail.add(person, "view", said, [document_id], address(request))
    return Response(made, media_type=WEBP, headers={"Cache-Control": "private, no-store"})


def instance_of(take: Take, document_id: str) -> dict[str, Any] | None:
    """The document of the file that stands for a document: of an instance or copy itself."""
    document = take.documents.of_id(document_id)
    if document is None or document["level"] in ("instance", "copy"):
        return document
    return take.documents.of_file(str(document.get("file_id", "")))


def picture(take: Take, document: dict[str, Any]) -> bytes | NotMade:
    """The thumbnail of an instance, from the cache or made by a child."""
    locator = locator_of(document)
    if not isinstance(locator, Locator):
        return NotMade("unnamed", locator.sentence if isinstance(locator, Refusal) else UNKNOWN)
    known = take.cache.get(locator, "webp")
    if known is not None:
        return known
    why = take.cache.get(locator, "why")
    if why is not None:
        return NotMade("known", why.decode())
    made = take.children.ask("thumbnail", locator)
    if isinstance(made, bytes):
        take.cache.put(locator, "webp", made)
    elif made.kept:
        take.cache.put(locator, "why", made.sentence.encode())
    return made


def icon(sentence: str, *, hidden: bool = False) -> Response:
    """A picture of words, dark like the others; its grey has a contrast of 8:1."""
    lines = wrap(sentence, LINE)[:6]
    first = 150 - 9 * len(lines)
    text = "".join(f'<text x="128" y="{first + 20 * at}">{escape(line)}</text>' for at, line in enumerate(lines))
    drawn = _DRAWN.format(label=escape(sentence), sign=_EYE if hidden else _PICTURE, text=text)
    return Response(drawn, media_type=SVG, headers={"X-Thumbnail": "hidden" if hidden else "none"})

"""VRs that the file does not say: PS3.6 and pydicom's dictionary of private elements. pydicom comes in when asked."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=16384)
def public_vr(tag: int) -> str | None:
    """VR of a public element by PS3.6, repeating groups included; it may be a choice (`US or SS`)."""
    from pydicom.datadict import dictionary_VR

    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return None


@lru_cache(maxsize=16384)
def private_vr(tag: int, creator: str | None) -> str:
    """VR of a private element by its creator; UN where the dictionary does not know it."""
    if creator is None:
        return "UN"
    from pydicom.datadict import private_dictionary_VR

    try:
        return str(private_dictionary_VR(tag, creator))
    except KeyError:
        return "UN"


def is_open(tag: int, vr: str) -> bool:
    """Whether pydicom asks other elements where PS3.6 names OW among others, and may decide otherwise than for OW."""
    return vr.endswith(" or OW") and tag >> 24 not in (0x50, 0x60, 0x7F)

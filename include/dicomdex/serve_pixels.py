"""Whose pixels may be shown: text that was burned into an image names the patient, and no attribute takes it back.

PS3.3 C.7.6.1.1.1 has the attribute Burned In Annotation, which many devices leave out. Where it is missing, the kinds
of instance that have text as a rule count as burned in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Ultrasound, screen captures, angiography and fluoroscopy, endoscopy, photographs, scanned paper.
TEXT_LIKELY = {
    "US": "ultrasound", "IVUS": "ultrasound", "SC": "screen captures", "XA": "angiography", "RF": "fluoroscopy",
    "ES": "endoscopy", "XC": "photographs", "GM": "photographs", "OP": "photographs", "DOC": "documents",
    "OT": "captured images", "ECG": "printed curves", "HC": "printed images", "FID": "printed images",
}  # fmt: skip
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and the multi-frame ones below it, PS3.4 table B.5-1
SCREENS = frozenset({"SCREEN SAVE", "SCREENSAVE", "SCREENSHOT", "SCREEN CAPTURE"})


def why_hidden(document: Mapping[str, Any]) -> str:
    """Why the pixels of an instance are not shown unasked, as a sentence; empty where they may be."""
    said = str(document.get("BurnedInAnnotation", "")).strip().upper()
    if said == "NO":
        return ""
    if said:
        return "Its header says that text is burned into the image."
    modality = str(document.get("Modality", "")).strip().upper()
    sop_class = str(document.get("SOPClassUID", ""))
    if modality in TEXT_LIKELY:
        return f"Text may be burned into the image: {TEXT_LIKELY[modality]} often have it, and the header does not say."
    if sop_class == SECONDARY_CAPTURE or sop_class.startswith(f"{SECONDARY_CAPTURE}."):
        return "Text may be burned into the image: it is a screen capture, and the header does not say."
    kinds = document.get("ImageType") or ()
    if any(str(one).strip().upper() in SCREENS for one in kinds):
        return "Text may be burned into the image: it is a saved screen, and the header does not say."
    return "" if modality else "Text may be burned into the image: the header says neither that nor what kind it is."

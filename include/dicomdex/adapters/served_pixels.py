"""A file's pixels -> a small picture: one frame, windowed as its header says, no larger than it is shown.

Runs in a child program: whatever a decoder does with a broken file costs that child.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicomdex.adapters.source_file import SourceFile
from dicomdex.entry import ByteSource

SIDE = 256  # pixels of the longer side
QUALITY = 80
SAMPLED = 4 * SIDE  # larger frames are thinned out before anything is computed of them
_EXPLICIT = {True: ExplicitVRLittleEndian, False: ExplicitVRBigEndian}
PIXELS_MAX = 100_000_000  # of one frame, as the header says: a slide's overview has less


class NoPixels(Exception):
    """There is nothing to show; the text is a sentence without a value of the header."""


def thumbnail(source: ByteSource) -> bytes:
    """A WebP of at most 256 x 256 pixels, of the middle frame; NoPixels where there is nothing that could be shown."""
    file = cast(BinaryIO, io.BufferedReader(SourceFile(source), 64 << 10))
    header = dcmread(file, stop_before_pixels=True, force=True)
    if not {"Rows", "Columns", "BitsAllocated", "SamplesPerPixel"} <= set(header.dir()):
        raise NoPixels("It has no pixels.")
    rows, columns = int(header.Rows or 0), int(header.Columns or 0)
    if not 0 < rows * columns <= PIXELS_MAX:
        raise NoPixels(
            f"Its frames are too large to be shown small: more than {PIXELS_MAX // 1_000_000} million pixels."
        )
    try:
        pixels = _frame(file, header, int(header.get("NumberOfFrames") or 1) // 2)
    except AttributeError as error:  # pydicom's word for an element that is not there
        lacks = "It has no pixels." if "Pixel Data" in str(error) else "Its header lacks what it takes to show pixels."
        raise NoPixels(lacks) from None
    return _written(_shades(_thinned(pixels, rows, columns), header))


def _frame(file: BinaryIO, header: Dataset, number: int) -> Any:
    """One frame, read alone from the file where its transfer syntax lets it be."""
    syntax = header.file_meta.get("TransferSyntaxUID") if hasattr(header, "file_meta") else None
    file.seek(0)
    if syntax and not syntax.is_deflated:
        return pixel_array(file, index=number)
    whole = dcmread(file, force=True)
    if not syntax:
        little, implicit = whole.original_encoding[::-1]
        whole.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else _EXPLICIT[bool(little)]
    return pixel_array(whole, index=number)


def _thinned(pixels: Any, rows: int, columns: int) -> Any:
    step = max(1, max(rows, columns) // SAMPLED)
    return pixels[::step, ::step]


def _shades(pixels: Any, header: Dataset) -> Any:
    """What is shown: grey or RGB of 8 bits (PS3.3 C.7.6.3.1.2, C.11.1, C.11.2)."""
    kind = str(header.get("PhotometricInterpretation", ""))
    if pixels.ndim == 3:
        return _eight_bits(pixels, int(header.get("BitsStored", 8)))
    if kind == "PALETTE COLOR":
        return _eight_bits(apply_color_lut(pixels, header), 16)
    shown = apply_modality_lut(pixels, header)
    windowed = apply_voi_lut(shown, header, index=0) if _has_window(header) else shown
    low, high = (windowed.min(), windowed.max()) if _has_window(header) else np.percentile(shown, (1, 99))
    grey = np.clip((windowed - low) * (255.0 / max(float(high) - float(low), 1e-9)), 0, 255).astype(np.uint8)
    return 255 - grey if kind == "MONOCHROME1" else grey


def _has_window(header: Dataset) -> bool:
    return "VOILUTSequence" in header or (header.get("WindowCenter") is not None and bool(header.get("WindowWidth")))


def _eight_bits(pixels: Any, stored: int) -> Any:
    return pixels if pixels.dtype == np.uint8 else (pixels >> max(0, stored - 8)).astype(np.uint8)


def _written(shades: Any) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(shades))
    picture.thumbnail((SIDE, SIDE))
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=QUALITY, method=2)
    return written.getvalue()

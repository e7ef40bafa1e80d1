"""pydicom's warnings and log lines quote values of the file: none of them gets out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pydicom() -> Iterator[None]:
    """Nothing that pydicom says inside of this is shown or kept."""
    logger = logging.getLogger("pydicom")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before

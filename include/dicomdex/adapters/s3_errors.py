"""What an object store says when it refuses, as OSError without key and without anything secret."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from dicomdex.errors import StorageFault

_ABSENT = ("NoSuchKey", "NoSuchBucket", "NoSuchUpload", "404")


class NoSuchRange(OSError):
    """The object is empty: no range of it can be asked for (416)."""


@contextmanager
def s3_errors() -> Iterator[None]:
    """Errors of the store as OSError without key and without anything secret; what is not there as ENOENT."""
    try:
        yield
    except NoSuchRange:
        raise
    except NoCredentialsError:
        raise StorageFault(errno.EACCES, "S3: no credentials in environment, profile or role") from None
    except (BotoCoreError, HttpError, TimeoutError) as error:
        raise StorageFault(errno.EIO, f"S3: {type(error).__name__}") from None
    except (ClientError, OSError) as error:
        raise _of_answer(error) from None


def _of_answer(error: Exception) -> OSError:
    answered = error if isinstance(error, ClientError) else error.__cause__
    if not isinstance(answered, ClientError):
        number = getattr(error, "errno", None) or errno.EIO
        return StorageFault(number, f"S3: {type(error).__name__}")
    code = str(answered.response.get("Error", {}).get("Code", "error"))
    status = answered.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _ABSENT or status == 404:
        return FileNotFoundError(errno.ENOENT, f"S3: {code}")
    if status == 416:
        return NoSuchRange(errno.EINVAL, "S3: InvalidRange")
    if status == 412:
        replaced = answered.operation_name == "GetObject"
        return (
            StorageFault(errno.ESTALE, "S3: replaced while it was read")
            if replaced
            else FileExistsError(errno.EEXIST, code)
        )
    passing = status >= 500 or status in (0, 408, 409, 429)
    number = errno.EACCES if status == 403 else errno.EIO if passing else errno.EINVAL
    return StorageFault(number, f"S3: {code} ({status})")

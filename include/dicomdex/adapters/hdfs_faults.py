"""What HDFS says when it can't, as a named cause without a path.

hdfs-native raises RuntimeError, delta-rs DeltaError or OSError, the `hdfs` package HdfsError or an error of requests:
each with the remote exception's name and stack in its text, and paths among it. Only the name is looked at.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from dicomdex.errors import StorageFault

# Part of the text -> what it means. The first that is found counts.
_CAUSES: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("SafeModeException",), errno.EAGAIN, "HDFS is in safe mode and takes no writes"),
    (("StandbyException",), errno.EAGAIN, "the NameNode asked is not the active one"),
    (
        ("AccessControlException", "AuthorizationException"),
        errno.EACCES,
        "HDFS: permission denied for the user that this program runs as",
    ),
    (("QuotaExceeded",), errno.EDQUOT, "HDFS: the quota is used up"),
    (
        ("All DataNodes failed", "BlocksNotFound", "BlockMissingException", "could only be written to",
         "minReplication", "Failed to complete file in time"),
        errno.EHOSTUNREACH,
        "HDFS: no DataNode that lives has the block, or takes it",
    ),
    (("SASLError", "GSSAPI", "NoSASLMechanism", "Unauthorized"), errno.EPERM, "HDFS: Kerberos refused this program"),
    (
        ("Connection refused", "ConnectionError", "NewConnectionError", "timed out", "Timeout", "ConnectionReset",
         "Connection reset", "Broken pipe", "Failed to locate the valid server", "could not resolve"),
        errno.ECONNREFUSED,
        "HDFS does not answer",
    ),
)  # fmt: skip
_REMOTE = re.compile(r"(?:[a-z0-9_]+\.)+([A-Z][A-Za-z]+Exception)")


def fault_of(error: BaseException) -> StorageFault | None:
    """The named cause in an error's class or text; None where there is none that is known."""
    said = f"{type(error).__name__} {error}"
    for parts, number, sentence in _CAUSES:
        if any(part in said for part in parts):
            return StorageFault(number, sentence)
    return None


def unknown_fault(error: BaseException) -> StorageFault:
    """A cause that has no sentence of its own, by the class of what was raised on the other side."""
    remote = _REMOTE.search(str(error))
    return StorageFault(errno.EIO, f"HDFS: {remote[1] if remote else type(error).__name__}")


@contextmanager
def hdfs_faults() -> Iterator[None]:
    """Errors of hdfs-native: what is there or is not as Python's own OSErrors, the rest as StorageFault; no path."""
    try:
        yield
    except StorageFault:
        raise
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "no such file or directory") from None
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, "it exists already") from None
    except IsADirectoryError:
        raise IsADirectoryError(errno.EISDIR, "a directory") from None
    except (OSError, RuntimeError) as error:
        raise _meaning(error) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust: no Exception, and no reason to end the program
            raise
        raise unknown_fault(error) from None


@contextmanager
def delta_faults() -> Iterator[None]:
    """Errors of delta-rs whose cause is the storage's, as StorageFault; all others as they are."""
    try:
        yield
    except StorageFault:
        raise
    except Exception as error:
        fault = fault_of(error) if "Hdfs" in str(error) or isinstance(error, OSError) else None
        if fault is None:
            raise
        raise fault from None


def _meaning(error: Exception) -> OSError:
    said = str(error)
    if "InvalidPath" in said:
        return OSError(errno.EINVAL, "HDFS takes no such name")
    if "ParentNotDirectoryException" in said:
        return NotADirectoryError(errno.ENOTDIR, "not a directory")
    return fault_of(error) or unknown_fault(error)

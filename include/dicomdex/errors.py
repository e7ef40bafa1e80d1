"""What can stop dicomdex. A reject, a conflict or a verdict is a value, never one of these.

    DicomdexError
    ├── SettingsError        a setting is missing or can't be used
    ├── DropError            the drop is not there, is gone, or its key is not a drop key
    ├── ManifestError        a manifest is missing or can't be read
    ├── ReadingFailed        the child program that reads files does not start, or is ended from outside
    ├── CommitRefused        a guard of the commit said no (files missing, rows do not sum, a drop would shrink)
    ├── QueryRefused         a search that can not be asked so: an unknown attribute, a value that is no date
    ├── CollectionRefused    a rule of rebuild, promote, roll back or retire said no
    ├── StorageFault         the storage can't, for a cause that is named: also an OSError, tried again by Airflow
    ├── SolrError
    │   ├── SolrUnavailable  no answer, 429 or 5xx: worth another try
    │   └── SolrRejected     Solr understood and refused (4xx)
    └── CountsMismatch       storage, catalog and Solr do not agree

No message holds a path or a value of a patient: files are named by drop key and file_id.
"""


class DicomdexError(Exception):
    """Base of all errors of dicomdex."""


class SettingsError(DicomdexError):
    """A setting is missing or can't be used; the message names it and says what to set."""


class DropError(DicomdexError):
    """The drop is not there, is gone, or its key is not a drop key."""


class ManifestError(DicomdexError):
    """A manifest is missing or can't be read."""


class ReadingFailed(DicomdexError):
    """The child program that reads files does not start, or was ended from outside; no file is to blame."""


class CommitRefused(DicomdexError):
    """A guard of the commit said no; nothing was changed."""


class QueryRefused(DicomdexError):
    """A search that can't be asked so; the message names attributes, never what a person typed as a value."""


class CollectionRefused(DicomdexError):
    """A rule of rebuild, promote, roll back or retire said no; nothing was changed."""


class StorageFault(DicomdexError, OSError):
    """The storage can't answer now, or not us: safe mode, no DataNode, permission denied... `strerror` names the cause.

    It says nothing of any file, so no file is rejected for it; Airflow tries again.
    """

    def __str__(self) -> str:
        return str(self.strerror)


def at(error: OSError, where: str) -> OSError:
    """The same storage error, its text with the drop and the file_id that it concerns."""
    kind = StorageFault if isinstance(error, StorageFault) else OSError
    return kind(error.errno, f"{error.strerror or type(error).__name__} ({where})")


class SolrError(DicomdexError):
    """Something is wrong between us and Solr."""


class SolrUnavailable(SolrError):
    """No answer, 429 or 5xx: the same request may go through later."""


class SolrRejected(SolrError):
    """Solr understood the request and refused it (4xx)."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class CountsMismatch(DicomdexError):
    """Storage, catalog and Solr do not agree; the message says expected, found and the first ten differences."""

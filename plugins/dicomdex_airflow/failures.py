"""What a task says when it cannot go on: one sentence, never a path, never a value of a patient."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException, AirflowFailException

WHICH_FILE = re.compile(r"drop [A-Za-z0-9._~-]{1,100}, file [0-9a-f]{32}")  # how the steps name a file


@contextmanager
def plain_failures() -> Iterator[None]:
    """Turn what goes wrong inside into what Airflow acts upon.

    An error of dicomdex fails the task at once, since another try would end the same way; Solr being away and
    storage errors, named (safe mode, no DataNode...) or not, are tried again by Airflow. Texts of other exceptions may
    quote a path or a value, so only their class and the lines of code they passed are kept.
    """
    from dicomdex.errors import DicomdexError, SolrUnavailable, StorageFault

    try:
        yield
    except (AirflowException, SolrUnavailable):
        raise
    except StorageFault as error:
        raise AirflowException(f"storage error: {error}") from None
    except DicomdexError as error:
        raise AirflowFailException(str(error)) from None
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, "no errno")
        named = WHICH_FILE.search(str(error))
        where = f" at {named[0]}" if named else ""
        raise AirflowException(f"storage error: {type(error).__name__} ({code}){where}") from None
    except Exception as error:  # noqa: BLE001 - its text may hold a path or a value, the lines of code do not
        trace = error.__traceback__
        raise AirflowException(f"unexpected {type(error).__name__}").with_traceback(trace) from None

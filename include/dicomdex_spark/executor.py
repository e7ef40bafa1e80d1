"""What tasks on executors need of their own: a Solr to post to, opened with a password that no task carries."""

from __future__ import annotations

from pathlib import Path

from pyspark import SparkFiles

from dicomdex.adapters.solr import Solr
from dicomdex.settings import Settings


def solr_of_task(settings: Settings) -> Solr:
    """The Solr that the settings name, to be opened inside a task.

    The settings, which travel with the task, hold the name of the password's file; it is read here, on the executor.
    Where there is no such file, the one of the same name that was sent along with the application (`files=`) is taken.
    """
    secret = settings.solr_password_file
    if secret is not None and not secret.exists():
        sent = Path(SparkFiles.get(secret.name))
        settings = settings.model_copy(update={"solr_password_file": sent})
    return Solr.of(settings)

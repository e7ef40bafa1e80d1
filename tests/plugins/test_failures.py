"""What a task says when it cannot go on."""

from __future__ import annotations

import errno
import traceback

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from dicomdex.errors import CommitRefused, CountsMismatch, DropError, SettingsError, SolrRejected, SolrUnavailable
from dicomdex_airflow.failures import plain_failures

SECRET = "/landing/CANARY^PATIENT.dcm"


@pytest.mark.parametrize("kind", [DropError, CommitRefused, CountsMismatch, SettingsError, SolrRejected])
def test_an_error_that_another_try_would_meet_again_fails_the_task_at_once(kind: type[Exception]) -> None:
    with pytest.raises(AirflowFailException, match="one sentence"), plain_failures():
        raise kind("one sentence")


def test_solr_being_away_is_tried_again() -> None:
    with pytest.raises(SolrUnavailable), plain_failures():
        raise SolrUnavailable("no answer")


def test_a_storage_error_is_tried_again_and_names_no_path() -> None:
    with pytest.raises(AirflowException, match=r"storage error: OSError \(EIO\)") as raised, plain_failures():
        raise OSError(errno.EIO, "Input/output error", SECRET)
    assert not isinstance(raised.value, AirflowFailException)
    assert "CANARY" not in "".join(traceback.format_exception(raised.value))


def test_a_storage_error_keeps_the_drop_and_the_file_that_the_steps_name() -> None:
    where = f"drop 2026-01-01, file {'0af9' * 8}"
    with pytest.raises(AirflowException, match=rf"storage error: OSError \(EIO\) at {where}$"), plain_failures():
        raise OSError(errno.EIO, f"Input/output error ({where})")


def test_an_unexpected_error_keeps_its_lines_of_code_and_loses_its_text() -> None:
    def strict_parser() -> None:
        raise ValueError(f"cannot read {SECRET}")

    with pytest.raises(AirflowException, match="unexpected ValueError") as raised, plain_failures():
        strict_parser()
    shown = "".join(traceback.format_exception(raised.value))
    assert "in strict_parser" in shown
    assert "CANARY" not in shown


def test_what_airflow_itself_raises_passes() -> None:
    with pytest.raises(AirflowSkipException), plain_failures():
        raise AirflowSkipException("no new drop")

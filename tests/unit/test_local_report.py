"""What a person sees at the end of a run."""

import io

from rich.console import Console

from dicomdex_local import report

DROP = {
    "drop": "2026-01-02",
    "listed": 1010,
    "indexed": 1000,
    "duplicate": 3,
    "conflict": 2,
    "rejected": {"truncated": 3, "not_dicom": 1},
    "ignored": {"marker": 1},
    "removed": 0,
    "verdict": "ok",
}


def text(shown):
    out = io.StringIO()
    Console(file=out, width=160).print(shown)
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_a_drop_is_one_line_of_its_ledger():
    head, line = text(report.ledger_table([DROP]))
    assert head == "drop listed indexed duplicate conflict rejected ignored verdict"
    assert line == "2026-01-02 1,010 1,000 3 2 4 (3 truncated, 1 not_dicom) 1 ok"


def test_removed_files_get_a_column_where_there_are_any_and_a_narrow_terminal_no_reasons():
    head, line = text(report.ledger_table([{**DROP, "removed": 7}], wide=False))
    assert head == "drop listed indexed duplicate conflict rejected ignored removed verdict"
    assert line == "2026-01-02 1,010 1,000 3 2 4 1 7 ok"


def test_the_most_frequent_reasons_come_first_and_the_rest_is_dots():
    counts = {"not_dicom": 1, "no_sop_instance_uid": 9, "dicomdir": 8}
    assert report.reasons(counts) == "(9 no_sop_instance_uid, 8 dicomdir, ..)"
    assert report.reasons({}) == ""


def test_storage_catalog_and_solr_stand_side_by_side():
    levels = {"study": 12, "series": 61, "instance": 2147, "copy": 33}
    found = report.Totals(2213, 2213, levels, {**levels, "copy": 32})
    assert text(report.totals_table(found))[1:3] == ["files 2,213 2,213", "instances 2,147 2,147"]
    within = report.Totals(2213, 2213, levels, levels, members=7)
    assert text(report.totals_table(within))[1:3] == ["files 2,213 2,213", "in archives 7"]
    assert not found.agree
    assert report.Totals(2213, 2213, levels, dict(levels)).agree


def test_a_file_that_is_not_what_the_truth_says_is_named():
    expected = {"d/a": ("indexed", None), "d/b": ("rejected", "truncated"), "d/c": ("ignored", "marker")}
    found = {"d/a": ("indexed", None), "d/b": ("rejected", "empty"), "d/d": ("conflict", None)}
    assert report.differences(expected, found) == [
        "d/b: expected rejected (truncated), found rejected (empty)",
        "d/c: expected ignored (marker), found nothing",
        "d/d: expected nothing, found conflict",
    ]


def test_lists_from_json_and_tuples_are_the_same():
    assert report.differences({"a": ["indexed", None]}, {"a": ("indexed", None)}) == []

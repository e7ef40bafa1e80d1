"""What every answer of the page carries, and how failures look; without engines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from dicomdex_web.histogram import of_ages, of_dates
from dicomdex_web.pages import HERE
from dicomdex_web.words import every_name, label, person_name, uid_name
from tests.unit.web import client, csrf, page, trail


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    return page(tmp_path, airflow_url="http://airflow.example:8080/x")


def test_every_answer_keeps_browsers_from_keeping_and_from_running(app: FastAPI) -> None:
    browser = client(app, "admin")
    answers = [client(app).get("/"), browser.get("/"), browser.get("/nothing"), browser.get("/cart")]
    answers += [browser.get("/?Modality=CT"), browser.post("/login", data={"name": "x"})]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert policy.endswith("frame-ancestors 'self' http://airflow.example:8080")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_template_holds_a_script_or_a_style_of_its_own() -> None:
    for template in (HERE / "templates").glob("*.html"):
        text = template.read_text()
        assert "<style" not in text, template.name
        assert " style=" not in text, template.name
        assert " onclick" not in text, template.name
        assert "|safe" not in text.replace(" ", ""), template.name
        assert "://" not in text, template.name


def test_solr_that_is_down_is_a_sentence(app: FastAPI, tmp_path: Path) -> None:
    answer = client(app, "admin").get("/")
    assert answer.status_code == 503
    assert "Solr does not answer" in answer.text
    assert "Traceback" not in answer.text
    assert trail(tmp_path)[-1]["outcome"] == "Solr does not answer"


def test_a_body_without_an_end_is_refused_before_it_is_read(app: FastAPI) -> None:
    def endless() -> Iterator[bytes]:
        yield b"name="
        for _ in range(64):
            yield b"x" * (1 << 17)

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client(app).post("/login", content=endless(), headers=form).status_code == 413


def test_what_was_typed_comes_by_post_and_leaves_no_trace(app: FastAPI, tmp_path: Path) -> None:
    browser = client(app, "viewer")
    answer = browser.post("/search", data={"csrf": csrf(browser), "text": "ZZCANARY anna"})
    assert answer.status_code == 303
    assert "ZZCANARY" not in answer.headers["location"]
    assert 'value="ZZCANARY anna"' in browser.get(answer.headers["location"]).text
    assert "ZZCANARY" not in (tmp_path / "web" / "trail.jsonl").read_text()


def test_an_operator_is_shown_a_site_without_drops_and_without_solr(app: FastAPI) -> None:
    answer = client(app, "op").get("/operations")
    assert answer.status_code == 200
    assert "No drop yet" in answer.text
    assert "Solr does not answer" in answer.text


@pytest.mark.parametrize("key", ["nothing-here", "a b", "%2e%2e%2fsecrets", "<script>"])
def test_a_drop_that_is_none_is_not_found(app: FastAPI, key: str) -> None:
    answer = client(app, "op").get(f"/operations/drops/{key}")
    assert answer.status_code == 404
    assert "<script>" not in answer.text.split("</head>")[1]


def test_static_files_are_ours_and_htmx_alone(app: FastAPI) -> None:
    browser = client(app)
    assert "htmx" in browser.get("/static/htmx.js").text[:200]
    for name in ("page.css", "page.js", "search.js", "icon.svg"):
        assert browser.get(f"/static/{name}").status_code == 200
    for name in ("app.py", "..%2fapp.py", "nothing.css"):
        assert browser.get(f"/static/{name}").status_code == 404


def test_keywords_and_names_are_shown_as_people_read_them() -> None:
    assert label("StudyDescription") == "Study description"
    assert label("SOPClassUID") == "SOP class"
    assert label("KVP") == "KVP"
    assert label("ViewCodeSequence_CodeMeaning") == "View code sequence: code meaning"
    assert label("file_id") == "File id"
    assert person_name("Meier^Anna^^Dr=x") == "Meier, Anna Dr"
    assert person_name("Meier") == "Meier"
    assert every_name("Li^Si=李^四=L") == "Li, Si (李, 四; L)"
    assert every_name("") == ""
    assert uid_name("1.2.840.10008.5.1.4.1.1.2") == "CT"
    assert uid_name("1.2.3") == "1.2.3"


def test_a_histogram_begins_and_ends_where_there_is_something() -> None:
    years = [
        (f"{year}-01-01T00:00:00Z", count) for year, count in ((1999, 0), (2000, 4), (2001, 0), (2002, 1), (2003, 0))
    ]
    found = of_dates(years, "year", "2001", "", 0)
    assert [(bar.low, bar.count, bar.chosen) for bar in found.bars] == [
        ("2000", 4, False), ("2001", 0, True), ("2002", 1, True)]  # fmt: skip
    ages = of_ages([(0, 1), (1826, 2)], "", "", 0)
    assert [(bar.low, bar.high) for bar in ages.bars] == [("0D", "1825D"), ("1826D", "3651D")]
    assert of_dates([], "year", "", "", 0).bars == ()


COLOR = re.compile(r"--([a-z-]+): (#[0-9a-f]{6});")
# Text on its ground: WCAG 2.2, 1.4.3 wants 4.5; of edges that one must see to use something 1.4.11 wants 3.
TEXT = [("ink", "paper"), ("ink", "ground"), ("soft", "paper"), ("soft", "ground"), ("soft", "tint"), ("ink", "tint"),
        ("accent", "paper"), ("accent", "ground"), ("accent", "tint"), ("accent-ink", "accent"), ("bad", "bad-tint"),
        ("warn", "warn-tint"), ("good", "good-tint"), ("bad", "paper"), ("good", "paper"), ("ink", "bad-tint"),
        ("ink", "warn-tint")]  # fmt: skip
EDGES = [("line-strong", "paper"), ("line-strong", "ground"), ("bar", "ground")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(scheme: str) -> None:
    style = (HERE / "static" / "page.css").read_text()
    light, dark = style.split("prefers-color-scheme: dark")[:2]
    colors = dict(COLOR.findall(light if scheme == "light" else dark))
    low = [(text, ground, round(_contrast(colors[text], colors[ground]), 2)) for text, ground in TEXT
           if _contrast(colors[text], colors[ground]) < 4.5]  # fmt: skip
    low += [(edge, ground, round(_contrast(colors[edge], colors[ground]), 2)) for edge, ground in EDGES
            if _contrast(colors[edge], colors[ground]) < 3]  # fmt: skip
    assert low == []


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2: the ratio of relative luminances."""
    dim, bright = sorted((_luminance(one), _luminance(other)))
    return (bright + 0.05) / (dim + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

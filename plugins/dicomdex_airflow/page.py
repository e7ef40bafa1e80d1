"""The page behind a run's Drop tab, as text: no script, nothing from elsewhere, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --line: #d4d8dd; --soft: #5c6570; --good: #1a7f37; --bad: #b42318; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a424c; --soft: #9aa4af; --good: #4cc272; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem; max-width: 62rem; font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.25rem; margin: 0 0 .25rem; }
h2 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
p { margin: .25rem 0; }
.summary { font-size: 1.05rem; }
.soft { color: var(--soft); }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--soft); padding-bottom: .25rem; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
tr.sum td { font-weight: 600; }
"""


def run_page(record: Mapping[str, Any], why: Mapping[str, str]) -> str:
    """The page of a run's record (empty: nothing validated yet); `why` = a sentence per reject reason."""
    verdict = record.get("verdict")
    if not verdict:
        said = f" of drop <strong>{escape(str(record['drop']))}</strong>" if record.get("drop") else ""
        return document("Drop", f"<h1>No verdict yet</h1><p>This run{said} has not been validated.</p>")
    return document(f"Drop {verdict['drop']}", "".join(_parts(verdict, why)))


def _parts(verdict: Mapping[str, Any], why: Mapping[str, str]) -> Iterable[str]:
    told = '<span class="good">ok</span>' if verdict["ok"] else '<span class="bad">not ok</span>'
    yield f"<h1>Drop {escape(verdict['drop'])}: {told}</h1>"
    yield f'<p class="summary">{escape(verdict["line"])}</p>'
    if verdict.get("sentence"):
        yield f"<p>{escape(verdict['sentence'])}</p>"
    yield f'<p class="soft">Catalog version {escape(str(verdict.get("catalog_version")))}'
    yield f", collection {escape(str(verdict.get('collection')))}</p>"
    yield _ledger(verdict.get("ledger") or {}, why)
    yield checks_table(verdict.get("checks") or [])


def _ledger(ledger: Mapping[str, Any], why: Mapping[str, str]) -> str:
    rows = [_state(state, ledger.get(state, 0)) for state in ("indexed", "duplicate", "conflict")]
    rows += [
        _state(f"rejected: {reason}", count, why.get(reason, ""))
        for reason, count in sorted((ledger.get("rejected") or {}).items())
    ]
    rows += [_state(f"ignored: {rule}", count) for rule, count in sorted((ledger.get("ignored") or {}).items())]
    rows.append(_state("removed", ledger.get("removed", 0)))
    total = f'<tr class="sum"><td>listed</td><td class="number">{ledger.get("listed", 0):,}</td><td></td></tr>'
    head = '<tr><th>State</th><th class="number">Files</th><th>What it means</th></tr>'
    return f"<h2>Ledger</h2><table><thead>{head}</thead><tbody>{''.join(rows)}{total}</tbody></table>"


STATES = {
    "indexed": "the record its SOP Instance UID is found by",
    "duplicate": "the same bytes under the same UIDs as an indexed one; kept as a copy",
    "conflict": "the same SOP Instance UID as an indexed one, and not the same; kept as a copy",
    "removed": "taken out by an operator",
}


def _state(state: str, count: int, sentence: str = "") -> str:
    told = escape(sentence or STATES.get(state, ""))
    return f'<tr><td>{escape(state)}</td><td class="number">{count:,}</td><td class="soft">{told}</td></tr>'


def checks_table(checks: Iterable[Mapping[str, Any]]) -> str:
    """The checks of a verdict."""
    head = (
        '<tr><th>Check</th><th class="number">Expected</th><th class="number">Found</th>'
        "<th>Missing</th><th>Extra</th><th>Different</th><th></th></tr>"
    )
    return (
        f"<h2>Checks</h2><table><caption>Of what is missing, extra or different the first ten are named.</caption>"
        f"<thead>{head}</thead><tbody>{''.join(map(_check, checks))}</tbody></table>"
    )


def _check(check: Mapping[str, Any]) -> str:
    told = '<span class="good">ok</span>' if check["ok"] else '<span class="bad">differs</span>'
    return (
        f'<tr><td>{escape(check["check"])}</td><td class="number">{check["expected"]:,}</td>'
        f'<td class="number">{check["found"]:,}</td><td>{_names(check.get("missing"))}</td>'
        f"<td>{_names(check.get('extra'))}</td><td>{_names(check.get('differing'))}</td><td>{told}</td></tr>"
    )


def _names(names: Iterable[str] | None) -> str:
    return "<br>".join(f"<code>{escape(name)}</code>" for name in names or ())


def document(title: str, body: str) -> str:
    """A whole page."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>"
    )

"""A catalog of a generated hospital, written as Parquet and committed to Delta: any number of files in 20 drops.

Of all files 2 % are SOP Instance UIDs sent again, mostly with the next drop (one in five of them altered: a conflict);
5 % of the series arrive with the drop after their study's. Studies have 1 to 11 series. Drops are written beside each
other by two processes, a Parquet file holds some 8,000 rows. `add_drop` commits one drop more, of known studies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random
from urllib.parse import unquote, urlparse

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dicomdex.adapters.catalog import Added, Catalog
from dicomdex.extract.row import ROW_SCHEMA, file_id
from dicomdex.resolve import DIGESTS_SCHEMA
from tests.bench.collection_rows import Series, hash_of, rows_of
from tests.bench.collection_values import MODALITIES, Modality, series_values, study_values

DROPS = 20
COPIES, CONFLICTS, LATE = 0.02, 0.2, 0.05  # shares: of all files, of the copies, of the series
ROWS_A_FILE = 8_192
FIRST_DROP = date(2026, 1, 1)
ROOT = "1.2.840.113619.2.55.3.604688119.971"
Plan = tuple[int, int, int, int, int]  # series, study, drop, instances, first instance


def plan(files: int) -> list[Plan]:
    """All series of a catalog of so many files, copies included."""
    draw, wanted = Random("plan"), files - copies_of(files)
    found: list[tuple[int, int, int]] = []  # study, late, instances
    study = 0
    while wanted > 0:
        for _ in range(draw.randint(1, 11)):
            modality = modality_of(len(found))
            instances = min(wanted, draw.randint(modality.least, modality.most))
            found.append((study, draw.random() < LATE, instances))
            wanted -= instances
            if not wanted:
                break
        study += 1
    if study < DROPS:
        raise ValueError(f"{files:,} files are {study} studies: too few for {DROPS} drops")
    firsts = np.cumsum([0, *(one[2] for one in found)]).tolist()
    return [
        (number, of, min(of * DROPS // study + late, DROPS - 1), instances, firsts[number])
        for number, (of, late, instances) in enumerate(found)
    ]


def copies_of(files: int) -> int:
    """How many of so many files are sent again."""
    return round(files * COPIES)


def modality_of(number: int) -> Modality:
    """The kind of a series: MODALITIES in their shares."""
    share = hash_of(number, 100)
    for modality in MODALITIES:
        share -= modality.percent
        if share < 0:
            return modality
    raise ValueError("the shares do not sum to 100 %")


def drop_key(number: int) -> str:
    """Key of a drop, counted from 0."""
    return (FIRST_DROP + timedelta(days=number)).isoformat()


def make_catalog(url: str, files: int, writers: int = 2) -> None:
    """Write and commit a catalog, drop by drop; the table `digests` knows the bytes of every copy."""
    catalog, every = Catalog(url), plan(files)
    catalog.create()
    of_drop = [[one for one in every if one[2] == number] for number in range(DROPS)]
    again = [round(copies_of(files) * (number + 1) / DROPS) for number in range(DROPS)]
    counts = [here - before for here, before in zip(again, [0, *again], strict=False)]
    with ProcessPoolExecutor(writers, mp_context=get_context("spawn")) as pool:
        written = list(pool.map(_write_drop, [catalog.files_url] * DROPS, range(DROPS), of_drop, counts))
    added = [one for drop in written for one in drop[0]]
    for number in range(DROPS):
        key = drop_key(number)
        commit(catalog, key, [one for one in added if one.path.startswith(f"drop_key={key}/")])
    catalog.append_digests(pa.concat_tables([drop[1] for drop in written]))


def commit(catalog: Catalog, key: str, added: Sequence[Added]) -> None:
    """One drop in one transaction, as the step does it."""
    snapshot = catalog.create()
    snapshot.commit(key, (snapshot.committed_seq(key) or 0) + 1, added, {"drop": key, "runId": "bench"})


def add_drop(url: str, files: int, instances: int, *, studies: int = 25) -> None:
    """A drop of so many files more: a fiftieth are copies, the rest new series of some of the studies there are."""
    catalog, every = Catalog(url), plan(instances)
    chosen = sorted({one[1] for one in every})[:: max(1, every[-1][1] // studies)][:studies]
    fresh = files - copies_of(files)
    sizes = [len(part) for part in np.array_split(np.arange(fresh), 2 * len(chosen))]
    firsts = np.cumsum([0, *sizes]).tolist()
    new = [
        (len(every) + place, chosen[place // 2], DROPS, size, instances + firsts[place])
        for place, size in enumerate(sizes)
    ]
    known = [one for one in every if one[1] in chosen]
    key, total = drop_key(DROPS), copies_of(files)
    table = rows_of(key, [_series(one) for one in new])
    old = rows_of(drop_key(known[0][2]), [_series(one) for one in known if one[2] == known[0][2]])
    copies, digests = _sent_again(old.take(pa.array(_drawn("more", len(old), total))), key)
    commit(catalog, key, [_write(catalog.files_url, key, "new", table), _write(catalog.files_url, key, "old", copies)])
    catalog.append_digests(digests)


def _write_drop(url: str, number: int, of_drop: list[Plan], copies: int) -> tuple[list[Added], pa.Table]:
    """Parquet files of a drop's own rows and of those that are sent again with the next; digests of the latter."""
    added, again, digests = [], [], [DIGESTS_SCHEMA.empty_table()]
    total, key = sum(one[3] for one in of_drop), drop_key(number)
    chosen, start = _drawn(key, total, copies), 0
    for place, part in enumerate(_parts(of_drop)):
        table = rows_of(key, [_series(one) for one in part])
        added.append(_write(url, key, f"{place:03d}", table))
        mine = chosen[(chosen >= start) & (chosen < start + len(table))] - start
        again.append(table.take(pa.array(mine)))
        start += len(table)
    if copies:
        later = drop_key(min(number + 1, DROPS - 1))
        rows, known = _sent_again(pa.concat_tables(again), later)
        added.append(_write(url, later, f"again-{key}", rows))
        digests.append(known)
    return added, pa.concat_tables(digests)


def _drawn(seed: str, total: int, count: int) -> np.ndarray:
    """Positions of rows that are sent again, ascending."""
    return np.array(sorted(Random(seed).sample(range(total), min(count, total))), dtype=np.int64)


def _parts(of_drop: Sequence[Plan]) -> Iterator[list[Plan]]:
    part: list[Plan] = []
    for one in of_drop:
        part.append(one)
        if sum(each[3] for each in part) >= ROWS_A_FILE:
            yield part
            part = []
    if part:
        yield part


def _series(planned: Plan) -> Series:
    number, study, _drop, instances, first = planned
    modality, uid = modality_of(number), f"{ROOT}.{study}"
    values = series_values(study_values(study, uid), number, f"{uid}.{number}", modality)
    return Series(number, first, instances, modality, values)


def _sent_again(rows: pa.Table, drop: str) -> tuple[pa.Table, pa.Table]:
    """These rows under other paths of another drop, some of them altered; the digests of the unaltered and theirs."""
    paths = [f"{drop}/again/{path}" for path in rows["path"].to_pylist()]
    altered = np.random.default_rng(len(rows)).random(len(rows)) < CONFLICTS
    digest = pc.if_else(pa.array(altered), pc.utf8_reverse(rows["header_digest"]), rows["header_digest"])
    own = {"path": paths, "file_id": [file_id(drop, path) for path in paths], "header_digest": digest}
    again = rows
    for name, column in own.items():
        at = ROW_SCHEMA.get_field_index(name)
        again = again.set_column(at, ROW_SCHEMA.field(at), column if name == "header_digest" else pa.array(column))
    same = pa.array(~altered)
    sha256 = rows["header_digest"].filter(same)
    sides = [
        pa.table([side["file_id"], side["size"], side["mtime"], sha256], schema=DIGESTS_SCHEMA)
        for side in (rows.filter(same), again.filter(same))
    ]
    return again, pa.concat_tables(sides)


def _write(url: str, drop: str, name: str, rows: pa.Table) -> Added:
    """One Parquet file in its place."""
    inside = f"drop_key={drop}/000001-{name}.parquet"
    target = Path(unquote(urlparse(url).path)) / inside
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, target, compression="zstd", row_group_size=ROWS_A_FILE)
    found = target.stat()
    return Added(inside, found.st_size, len(rows), found.st_mtime_ns // 1_000_000)

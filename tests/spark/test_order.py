"""In whatever order drops are committed: the same states, the same documents. No Solr takes part."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pydicom.data import get_testdata_file

from dicomdex import steps
from dicomdex.adapters.catalog import Catalog
from dicomdex.index import record_fields
from dicomdex.settings import Settings
from dicomdex.steps_documents import Dates, expected_records
from tests.spark.built import documents
from tests.unit.line import Line, dicom

DROPS = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")
SHUFFLES = 100


class Extracted:
    """Drops that are listed and extracted; the commits can then be done again and again, in any order."""

    def __init__(self, root: Path) -> None:
        self.line = Line(root, batch_files=5000)
        draw = random.Random(1)
        theirs = Path(str(get_testdata_file("CT_small.dcm"))).parent
        for number, path in enumerate(sorted(path for path in theirs.rglob("*") if path.is_file())):
            self._lay(draw.choice(DROPS), f"pydicom {number}", path.read_bytes())
        for number in range(60):  # of these a third comes again, with other pixels, elsewhere or of another patient
            sop, file = f"1.9.{number % 40}", f"made {number}"
            study, patient = f"1.2.{draw.randrange(8)}", f"P{draw.randrange(2)}"
            self._lay(draw.choice(DROPS), file, dicom(sop, study=study, series=f"{study}.1", patient=patient))
        for number in range(20):
            self._lay(draw.choice(DROPS), f"again {number}", dicom(f"1.9.{100 + number % 10}"))
        self.listings = {}
        for drop in DROPS:
            (self.line.landing / drop / "_SUCCESS").touch()
            listing = steps.list_drop(self.line.settings, drop)
            self.listings[drop] = (listing, self.line.extract(listing))

    def _lay(self, drop: str, name: str, content: bytes) -> None:
        path = self.line.landing / drop / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    def committed(self, order: list[str], root: Path) -> Settings:
        """A catalog of its own into which the drops were committed in this order."""
        urls = {"work": (root / "work").as_uri(), "catalog": (root / "cat").as_uri()}
        settings = self.line.settings.model_copy(update=urls)
        shutil.copytree(self.line.root / "work", root / "work")
        for drop in order:
            listing, results = self.listings[drop]
            steps.commit(settings, listing, results, run_id="run")
        return settings


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Extracted:
    return Extracted(tmp_path_factory.mktemp("extracted"))


def records(settings: Settings) -> pa.Table:
    """The resolved records, in the order of their file_ids."""
    catalog = Catalog(settings.catalog)
    parts = expected_records(catalog, catalog.version(), catalog.digests_version(), Dates())
    return pa.concat_tables(parts).combine_chunks().sort_by("file_id")


def orders(number: int) -> list[list[str]]:
    return [random.Random(seed).sample(DROPS, len(DROPS)) for seed in range(number)]


@pytest.mark.parametrize("shuffles", [24, pytest.param(SHUFFLES, marks=pytest.mark.long)])
def test_every_order_gives_the_same_states_and_documents(extracted: Extracted, tmp_path: Path, shuffles: int) -> None:
    first = records(extracted.committed(list(DROPS), tmp_path / "first"))
    states = pc.value_counts(first["state"]).to_pylist()
    assert {one["values"]: one["counts"] > 10 for one in states} == dict.fromkeys(
        ("indexed", "duplicate", "conflict"), True
    )
    wanted = documents([first])
    for number, order in enumerate(orders(shuffles)):
        settings = extracted.committed(order, tmp_path / str(number))
        found = records(settings)
        assert found.equals(first), order
        assert documents([found]).equals(wanted), order
        shutil.rmtree(tmp_path / str(number))


def test_spark_builds_the_same_documents_of_every_order(extracted: Extracted, tmp_path: Path, spark: Any) -> None:
    from dicomdex.attributes import ATTRIBUTES
    from dicomdex_spark.documents import documents as built
    from dicomdex_spark.index_collection import resolved_rows

    every = frozenset(name for name, _ in record_fields(ATTRIBUTES)) | {"schema"}
    found = []
    for number, order in enumerate(orders(3)):
        settings = extracted.committed(order, tmp_path / str(number))
        catalog = Catalog(settings.catalog)
        plan = {"catalog_version": catalog.version(), "digests_version": catalog.digests_version(), "dates": ""}
        rows = resolved_rows(catalog, plan, ATTRIBUTES)
        frame = built(rows, every, "abc", "run", datetime(2026, 1, 1, tzinfo=UTC), ATTRIBUTES)
        found.append(frame.toArrow().sort_by("id"))
    assert len(found[0]) > 200
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])

"""Apply: bring a collection to the catalog's latest version, and promote it if asked to; run by spark-submit.

The study is the unit: all documents of the touched studies are built, those whose digest differs are posted, those no
longer wanted are deleted, one commit, a read-back, then the version is set. Repeating it after any crash ends right.
"""

from __future__ import annotations

import argparse
import sys

from dicomdex.adapters.solr import Solr
from dicomdex.errors import CountsMismatch
from dicomdex.settings import Settings
from dicomdex.steps import record_run
from dicomdex.steps_mend import wrong_documents
from dicomdex.steps_promote import promote
from dicomdex_spark.applying import bring
from dicomdex_spark.target import ensure_collection, publish


def show(settings: Settings, solr: Solr, name: str, run: str, *, force: bool) -> str:
    """Promote a collection that is at the latest version; the line that says so.

    Where the gate says no, the documents that differ from what was built are put right and it is asked once more.
    CountsMismatch, with its sentence, where it says no again.
    """
    promoted = promote(settings, name, force=force, run_id=run)
    if not promoted["ok"] and wrong_documents(settings, solr, solr.collection(name)):
        bring(settings, solr, solr.collection(name), run, mend=True)
        promoted = promote(settings, name, force=force, run_id=run)
    record_run(settings, run, "", promoted=promoted)
    if not promoted["ok"]:
        raise CountsMismatch(promoted["sentence"])
    return f"{promoted['alias']} shows {name}"


def main(arguments: list[str] | None = None) -> None:
    """Apply, promote, print what was done. CountsMismatch where the gate says no."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="run id, kept in every document written")
    parser.add_argument("--collection", default="", help="a physical collection; without, the one behind the alias")
    parser.add_argument("--mend", action="store_true", help="put right whatever differs from what was built")
    parser.add_argument("--promote", action="store_true", help="then the gate, and the alias points at the collection")
    parser.add_argument("--force", action=argparse.BooleanOptionalAction, help="promote it even if it is much smaller")
    asked = parser.parse_args(arguments)
    run, settings = asked.run, Settings.load()
    with Solr.of(settings) as solr:
        target = solr.collection(asked.collection) if asked.collection else ensure_collection(solr, settings, run)
        said = [bring(settings, solr, target, run, mend=asked.mend)]
        if not asked.collection:
            publish(solr, settings, target)
        if asked.promote:
            said.append(show(settings, solr, target.name, run, force=bool(asked.force)))
    sys.stdout.write("".join(f"{line}\n" for line in said))


if __name__ == "__main__":
    main()

"""The forms of the runs that work on collections. Zero and empty mean: as the settings say."""

from __future__ import annotations

from airflow.sdk import Param

COLLECTION_NAME = r"^[A-Za-z0-9_.-]{0,200}$"
_BY_SIZE = "0 = by the size of what it works on."


def spark_params() -> dict[str, Param]:
    """How big the run's Spark applications are. Zero and empty mean: by the size of what they work on."""
    return {
        "driver_memory": _memory("Memory of the Spark driver"),
        "executor_memory": _memory("Memory of a Spark executor"),
        "executor_cores": _count("Cores of a Spark executor", 64, _BY_SIZE),
        "cores": _count("Cores of all Spark executors", 4096, _BY_SIZE),
        "shuffle_partitions": _count("Spark's shuffle partitions", 100_000, _BY_SIZE),
        "records_a_batch": _count("Documents in a batch", 100_000, _BY_SIZE),
    }


def rebuild_params() -> dict[str, Param]:
    """What to build, and what is allowed when it is shown."""
    return {
        "alias": _alias("Rebuild what this alias shows; empty = the alias that people search."),
        "dry_run": Param(False, type="boolean", title="Dry run", description="Say what would be built, and stop."),
        "date_from": _day("From", "Only studies from this StudyDate on; for another alias than the one people search."),
        "date_to": _day("To", "Only studies up to this StudyDate."),
        "shards": _count("Shards", 64),
        "replicas": _count("Replicas", 16),
        "force": _force(),
        **spark_params(),
    }


def roll_back_params() -> dict[str, Param]:
    """Where to go back to, and how."""
    return {
        "collection": Param(
            "",
            type="string",
            pattern=COLLECTION_NAME,
            title="Collection",
            description="A collection that is kept; empty = the one before the one shown.",
        ),
        "as_was": Param(
            False,
            type="boolean",
            title="As it was",
            description="Show it without what was ingested since. Asks first; the next drop brings it up to date.",
        ),
        "force": _force(),
        **spark_params(),
    }


def retire_params() -> dict[str, Param]:
    """Whose collections, and how many stay."""
    return {
        "alias": _alias("Retire collections of this alias; empty = the alias that people search."),
        "keep": _count("Keep", 100, "How many stay, the one shown included; 0 = DICOMDEX_KEEP_COLLECTIONS."),
    }


def recount_params() -> dict[str, Param]:
    """Whether documents that are wrong are put right."""
    said = "Build the studies of documents that are missing, too much or altered again, then count."
    return {"mend": Param(False, type="boolean", title="Mend", description=said), **spark_params()}


def _alias(description: str) -> Param:
    return Param("", type="string", pattern=r"^[A-Za-z0-9_.-]{0,60}$", title="Alias", description=description)


def _day(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


def _count(title: str, most: int, description: str = "0 = as the settings say.") -> Param:
    return Param(0, type="integer", minimum=0, maximum=most, title=title, description=description)


def _memory(title: str) -> Param:
    described = "Such as 2g or 512m; empty = by the size of what it works on."
    return Param("", type="string", pattern="^([1-9][0-9]*[mg])?$", title=title, description=described)


def _force() -> Param:
    said = "Show it even if it has far fewer documents than what is shown now. Lets nothing else pass."
    return Param(False, type="boolean", title="Force", description=said)

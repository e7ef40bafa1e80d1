"""One frozen Settings object from the environment variables `DICOMDEX_*`: the same in CLI, tasks, Spark, web."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dicomdex.errors import SettingsError


class Settings(BaseSettings):
    """Where things are and how big they may be. URLs are `file:`, `hdfs:` or (landing only) `s3:`.

    Durations are in seconds. Secrets are never values here, only paths of files of mode 0600.
    """

    model_config = SettingsConfigDict(env_prefix="DICOMDEX_", frozen=True, extra="ignore")

    landing: str = Field(description="URL of the landing area, under which drops appear")
    work: str = Field(description="URL of the work area: manifests and batches")
    catalog: str = Field(description="URL of the catalog, on the work area's file system")

    drop_depth: int = Field(1, ge=1, le=6, description="directories between the landing area and a drop")
    marker: str = Field("_SUCCESS", description="file that completes a drop; empty = quiet-period mode")
    quiet_period: float = Field(60.0, ge=0, description="without markers: nothing changed for so long")
    late: float = Field(6 * 3600.0, ge=0, description="how long ingest_by_date waits for a drop")

    batch_files: int = Field(5_000, ge=1, description="files in a batch at most")
    batch_bytes: int = Field(64 << 30, ge=1, description="bytes of files in a batch at most")
    reading_stall: float = Field(900.0, gt=0, description="reading a file: no CPU used and no file begun for so long")
    reads: int = Field(16, ge=1, le=256, description="files of a remote landing area that a batch opens at once")
    s3_endpoint: str = Field("", description="URL of an object store that is not AWS's; its credentials: AWS_*")
    shrink_limit: float = Field(0.01, ge=0, le=1, description="share of a drop's records a commit may lose")

    alias: str = Field("dicom", pattern=r"^[A-Za-z0-9_.-]{1,60}$", description="the alias people search")
    solr_url: str = Field("http://127.0.0.1:8983/solr", description="base URLs of Solr's nodes, `,` between them")
    solr_user: str = Field("", description="basic auth user; empty = none")
    solr_password_file: Path | None = Field(None, description="file of mode 0600 with the password")
    solr_shards: int = Field(1, ge=1)
    solr_replicas: int = Field(1, ge=1)
    keep_collections: int = Field(2, ge=1, description="collections kept of an alias, the one it shows included")
    collection_shrink_limit: float = Field(
        0.05, ge=0, le=1, description="share of the documents shown that a promoted collection may lack"
    )
    rebuild_lease: float = Field(900.0, gt=0, description="a rebuild without a sign of life for so long counts as dead")
    solr_timeout: float = Field(120.0, gt=0, description="seconds for one answer of Solr")
    extra_attributes: str = Field(
        "", description="attributes beyond the built-in ones, `;` between them: from the next rebuild on"
    )

    @field_validator("landing", "work", "catalog")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if ":" not in value:
            return Path(value).absolute().as_uri()
        return value.rstrip("/")

    @field_validator("work", "catalog")
    @classmethod
    def _renames_atomically(cls, value: str) -> str:
        if not value.startswith(("file:", "hdfs:")):
            raise ValueError("needs a file system with atomic rename: use file: or hdfs:")
        return value

    @field_validator("extra_attributes")
    @classmethod
    def _can_be_indexed(cls, value: str) -> str:
        if value.strip():
            from dicomdex.attributes_extra import parse  # pydicom's dictionary: 0.2 s that nobody else needs

            parse(value)
        return value

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Settings from the environment; SettingsError in one sentence that names each bad variable."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            said = "; ".join(
                f"DICOMDEX_{'_'.join(map(str, bad['loc'])).upper()}: {bad['msg']}" for bad in error.errors()
            )
            raise SettingsError(said) from None

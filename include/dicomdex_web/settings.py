"""Settings of the page: environment variables `DICOMDEX_WEB_*` beside those that all parts share."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from dicomdex.errors import SettingsError


class WebSettings(BaseSettings):
    """Where the page listens and where its own files lie. Durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="DICOMDEX_WEB_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="address that the page listens on")
    port: int = Field(8800, ge=1, le=65535, description="port that the page listens on")
    url: str = Field("", description="how browsers reach the page; empty = http://<host>:<port>")
    directory: Path = Field(
        Path(".run"), description="directory of the page: secrets/ (users, keys, 0600) and web/ (access trail) below it"
    )
    airflow_url: str = Field("", description="Airflow as browsers reach it; empty = without Airflow")
    airflow_api: str = Field("", description="Airflow as the page itself reaches it; empty = as browsers do")
    airflow_secret_file: Path | None = Field(
        None, description="file of mode 0600 shared with Airflow's plugin; empty = <directory>/secrets/web_airflow"
    )
    session_hours: float = Field(10.0, gt=0, le=24, description="a login lasts so long")
    threads: int = Field(16, ge=1, le=256, description="requests that are worked on at once")
    thumbnail_cache: int = Field(500 << 20, ge=1 << 20, description="bytes of thumbnails kept on disk at most")
    thumbnail_children: int = Field(2, ge=1, le=32, description="child programs that open files for the page at most")

    @property
    def secrets(self) -> Path:
        """Where users and keys lie."""
        return self.directory / "secrets"

    @property
    def airflow_secret(self) -> Path:
        """The file with the secret that signs codes."""
        return self.airflow_secret_file or self.secrets / "web_airflow"

    @property
    def own_files(self) -> Path:
        """Where the access trail lies."""
        return self.directory / "web"

    @property
    def origin(self) -> str:
        """Scheme, host and port that browsers see."""
        return _origin(self.url or f"http://{self.host}:{self.port}")

    @property
    def airflow_server(self) -> str:
        """What the page asks itself; empty without Airflow."""
        return (self.airflow_api or self.airflow_url).rstrip("/")

    @property
    def airflow_origin(self) -> str:
        """Airflow's scheme, host and port; empty without Airflow."""
        return _origin(self.airflow_url) if self.airflow_url else ""

    @classmethod
    def load(cls, **overrides: Any) -> WebSettings:
        """Settings from the environment; SettingsError that names each bad variable."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            said = [f"DICOMDEX_WEB_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()]
            raise SettingsError("; ".join(said)) from None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

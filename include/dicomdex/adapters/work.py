"""The work area: claims, manifests, extracted files, what was announced, looks, verdicts and run records.

drops/<key>/<seq>.claim             exclusive create = the listing_seq is taken
drops/<key>/<seq>/manifest.parquet  the entries; manifest.json beside it = the listing is accepted
drops/<key>/<seq>/<batch>-<attempt>-<token>[.rejects].parquet
drops/<key>/<seq>/before.json       catalog version that the commit replaced: the old side of its digests
drops/<key>/announced.json look.json verdict.json
runs/<run id>.json
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import orjson

from dicomdex.adapters.storage import Storage, storage
from dicomdex.drop import Look, valid_key
from dicomdex.errors import ManifestError
from dicomdex.manifest import Accepted, Manifest, ManifestEntry, each_entry, entries_of, from_json, to_json, to_parquet

_CLAIM = re.compile(r"(\d{6,})\.claim")
_PLAIN = re.compile(r"[^A-Za-z0-9_.-]")
_LONGEST = 180


class WorkArea:
    """The work area under a URL, by drop key and listing_seq."""

    def __init__(self, url: str) -> None:
        self.storage: Storage = storage(url)

    def path(self, key: str, seq: int, name: str) -> str:
        """Path of a file that belongs to a listing."""
        return f"drops/{valid_key(key)}/{seq:06d}/{name}"

    def claim(self, key: str, above: int) -> int:
        """Take the next listing_seq of a drop, greater than all taken before and than `above`. No clock, no lock."""
        seq = max([above, *self._claimed(key)]) + 1
        while not self.storage.create_exclusive(f"drops/{key}/{seq:06d}.claim", b""):
            seq += 1
        return seq

    def accept(self, accepted: Accepted, manifest: Manifest) -> None:
        """Write a manifest; it counts once its `manifest.json` is there."""
        self.storage.write_atomic(self._manifest(accepted.drop, accepted.listing_seq, "parquet"), to_parquet(manifest))
        self.storage.write_atomic(self._manifest(accepted.drop, accepted.listing_seq, "json"), to_json(accepted))

    def accepted(self, key: str, seq: int) -> Accepted:
        """What was accepted as this listing; ManifestError when nothing was."""
        try:
            return from_json(self.storage.read_bytes(self._manifest(key, seq, "json")))
        except FileNotFoundError:
            raise ManifestError(f"listing {seq} of drop {key} is not in the work area: list the drop again") from None

    def known(self, key: str, seq: int | None) -> Accepted | None:
        """What was accepted as this listing; None when the work area has forgotten it, or for no listing at all."""
        try:
            return None if seq is None else self.accepted(key, seq)
        except ManifestError:
            return None

    def entries(self, key: str, seq: int, batch: int | None = None) -> list[ManifestEntry]:
        """The entries of one batch of a listing, or all."""
        return entries_of(self._listing(key, seq), batch)

    def each_entry(self, key: str, seq: int) -> Iterator[ManifestEntry]:
        """All entries of a listing, none of them kept."""
        return each_entry(self._listing(key, seq))

    def _listing(self, key: str, seq: int) -> bytes:
        try:
            return self.storage.read_bytes(self._manifest(key, seq, "parquet"))
        except FileNotFoundError:
            raise ManifestError(f"listing {seq} of drop {key} is not in the work area: list the drop again") from None

    def drops(self) -> list[str]:
        """All drops that the work area knows, sorted."""
        return [child.name for child in self._children("drops") if child.is_directory]

    def look(self, key: str) -> Look | None:
        """The look that was remembered last (quiet-period mode)."""
        fields = self.read_json(f"drops/{key}/look.json")
        return Look(**fields) if fields else None

    def remember_look(self, key: str, look: Look) -> None:
        """Keep a look for the next time."""
        self.write_json(f"drops/{key}/look.json", {"digest": look.digest, "since": look.since})

    def announced(self, key: str) -> str | None:
        """Signature under which a drop was announced last."""
        signature: str | None = self.read_json(f"drops/{key}/announced.json").get("signature")
        return signature

    def run_path(self, run_id: str) -> str:
        """Where a run's record lies: the run id with everything unusual as `~XX`, long ones shortened by a digest."""
        name = _PLAIN.sub(lambda found: "".join(f"~{byte:02X}" for byte in found[0].encode()), run_id)
        if len(name) > _LONGEST:
            name = name[:_LONGEST] + hashlib.blake2b(run_id.encode(), digest_size=8).hexdigest()
        return f"runs/{name}.json"

    def read_json(self, path: str) -> dict[str, Any]:
        """The object in a JSON file; empty when the file is not there."""
        try:
            found: dict[str, Any] = orjson.loads(self.storage.read_bytes(path))
        except FileNotFoundError:
            return {}
        return found

    def write_json(self, path: str, fields: dict[str, Any]) -> None:
        """Write a JSON file, whole or not at all."""
        self.storage.write_atomic(path, orjson.dumps(fields, option=orjson.OPT_SORT_KEYS))

    def _manifest(self, key: str, seq: int, kind: str) -> str:
        return self.path(key, seq, f"manifest.{kind}")

    def _claimed(self, key: str) -> list[int]:
        names = (child.name for child in self._children(f"drops/{valid_key(key)}"))
        return [int(found[1]) for found in map(_CLAIM.fullmatch, names) if found]

    def _children(self, prefix: str) -> list[Any]:
        try:
            return list(self.storage.children(prefix))
        except FileNotFoundError:
            return []

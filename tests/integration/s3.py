"""An object store for tests: moto's server as a program of its own, and a proxy before it that refuses when told to."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx

from dicomdex_local.ports import HOST, free_ports

SECRET = "secret-key-of-the-object-store"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BUCKET = "deliveries"
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate: DOE^JOHN</Message></Error>"
_LIMIT = 60.0


class Store:
    """Moto behind the proxy, and its bucket. `refuse(path, times)` lets requests whose path ends so fail with 503
    SlowDown. Use as a context manager.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._lock = threading.Lock()
        self._refusals: dict[str, int] = {}
        self.seen: list[tuple[str, str, str]] = []  # method, path, Range
        self.most_at_once = self._at_once = 0
        self.before_answer: Callable[[str], None] = lambda _path: None
        self.proxy = ThreadingHTTPServer((HOST, free_ports(1)[0]), type("Handler", (_Handler,), {"store": self}))
        self.proxy.daemon_threads = True
        threading.Thread(target=self.proxy.serve_forever, name="s3-proxy", daemon=True).start()
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=f"http://{HOST}:{port}",
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key=SECRET,
        )

    def __enter__(self) -> Store:
        self.client.create_bucket(Bucket=BUCKET)
        return self

    def __exit__(self, *_: object) -> None:
        for key in self.all_keys():
            self.client.delete_object(Bucket=BUCKET, Key=key)
        self.client.delete_bucket(Bucket=BUCKET)
        self.proxy.shutdown()
        self.proxy.server_close()

    @property
    def url(self) -> str:
        """What DICOMDEX_S3_ENDPOINT says."""
        return f"http://{HOST}:{self.proxy.server_address[1]}"

    def put(self, key: str, content: bytes) -> None:
        """Lay an object, past the proxy."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def all_keys(self) -> list[str]:
        """All keys of the bucket."""
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    def refuse(self, path: str, times: int) -> None:
        """The next so many requests whose path ends so are refused."""
        self._refusals[path] = times

    def refused(self, path: str) -> int:
        """How many refusals are left."""
        return sum(times for end, times in self._refusals.items() if path.endswith(end))

    def refuses(self, path: str) -> bool:
        """Whether this request is to be refused."""
        with self._lock:
            for end, times in self._refusals.items():
                if times and path.endswith(end):
                    self._refusals[end] -= 1
                    return True
        return False

    @contextmanager
    def counted(self) -> Iterator[None]:
        """One more request is being answered."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    """Answers for a store: refuses, or passes on."""

    store: Store
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        with self.store.counted():
            self.store.seen.append((self.command, path, self.headers.get("Range", "")))
            self.store.before_answer(path)
            if self.store.refuses(path):
                self._answer(503, [("Content-Type", "application/xml")], SLOW_DOWN)
                return
            behind = http.client.HTTPConnection(HOST, self.store.port, timeout=_LIMIT)
            behind.request(self.command, self.path, body, dict(self.headers))
            said = behind.getresponse()
            content = said.read()
            behind.close()
        self._answer(said.status, said.getheaders(), content)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length")
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        return None


@contextmanager
def moto_server(log: Path) -> Iterator[int]:
    """Moto's server on a free port; stopped at the end."""
    (port,) = free_ports(1)
    program = Path(sys.executable).with_name("moto_server")
    with log.open("wb") as said:
        server = subprocess.Popen([str(program), "-H", HOST, "-p", str(port)], stdout=said, stderr=said)
    try:
        _wait(f"http://{HOST}:{port}/moto-api/", server, log)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=_LIMIT)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _LIMIT
    while time.monotonic() < end and server.poll() is None:
        try:
            httpx.get(url, timeout=5.0, trust_env=False)
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"moto's server did not start:\n{log.read_text()[-2000:]}")

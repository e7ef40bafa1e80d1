"""One file of 1.58 GB by range connections: the page, nginx's sendfile, Redis in chunks of 512 KB, taking turns.

Every client is the same: a thread a connection that reads into one buffer and keeps nothing. `redis-py` is Redis's own
client besides, as the notebook has it: it makes an object of each chunk.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import redis

from dicomdex_local.ports import HOST
from dicomdex_local.web import Page
from tests.bench.page_programs import nginx, redis_server
from tests.page_program import logged_in

CHUNK = 512 << 10
CONNECTIONS = (1, 10, 50)
ROUNDS = 3
BUFFER = 1 << 20
Fetch = Callable[[int, int], int]


def measure_bytes(page: Page, file: Path, url: str, folder: Path) -> dict[str, dict[str, float]]:
    """Server -> connections -> seconds, the median of three rounds in which the servers take turns."""
    size = file.stat().st_size
    seconds: dict[str, dict[str, list[float]]] = {}
    with logged_in(page) as client, nginx(folder, file.parent) as port, redis_server(folder) as kept:
        _fill(kept, file)
        redis_port = kept.connection_pool.connection_kwargs["port"]
        fetches: dict[str, Fetch] = {
            "page": lambda a, b: _by_http(page.port, url, _cookie(client), a, b),
            "nginx": lambda a, b: _by_http(port, f"/{file.name}", "", a, b),
            "redis": lambda a, b: _by_redis(redis_port, a, b),
            "redis-py": lambda a, b: _by_redis_py(redis_port, a, b),
        }
        for _ in range(ROUNDS):
            for connections in CONNECTIONS:
                for name, fetch in fetches.items():
                    took = _fetched(fetch, size, connections)
                    seconds.setdefault(name, {}).setdefault(str(connections), []).append(took)
    return {name: {count: median(some) for count, some in own.items()} for name, own in seconds.items()}


def _fetched(fetch: Fetch, size: int, connections: int) -> float:
    """Seconds until all of the file has come, each connection with its share, in whole chunks."""
    chunks = -(-size // CHUNK)
    connections = min(connections, chunks)
    ends = [min(size, (chunks * at // connections) * CHUNK) for at in range(connections + 1)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        got = sum(pool.map(fetch, ends[:-1], ends[1:]))
    took = time.perf_counter() - begun
    assert got == size, f"{got} of {size} bytes came"
    return took


def _by_http(port: int, path: str, cookie: str, start: int, stop: int) -> int:
    buffer = memoryview(bytearray(BUFFER))
    with socket.create_connection((HOST, port)) as connection:
        asked = f"Host: {HOST}\r\nRange: bytes={start}-{stop - 1}\r\nConnection: close\r\n{cookie}"
        connection.sendall(f"GET {path} HTTP/1.1\r\n{asked}\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        assert head.startswith(b"HTTP/1.1 206"), head[:20]
        got = len(head.partition(b"\r\n\r\n")[2])
        while got < stop - start and (more := connection.recv_into(buffer)):
            got += more
    return got


def _by_redis(port: int, start: int, stop: int) -> int:
    """GET after GET, as many chunks as the range has; the answer's length is in its first line."""
    buffer = memoryview(bytearray(CHUNK + 64))
    got = 0
    with socket.create_connection((HOST, port)) as connection:
        for number in range(start // CHUNK, -(-stop // CHUNK)):
            connection.sendall(f"GET chunk:{number}\r\n".encode())
            received = connection.recv_into(buffer)
            while b"\r\n" not in bytes(buffer[: min(received, 32)]):
                received += connection.recv_into(buffer[received:])
            line = bytes(buffer[:32]).partition(b"\r\n")[0]
            whole = len(line) + 2 + int(line[1:]) + 2
            while received < whole:
                received += connection.recv_into(buffer[received:])
            got += int(line[1:])
    return got


def _by_redis_py(port: int, start: int, stop: int) -> int:
    with redis.Redis(HOST, port) as client:
        chunks: Iterator[Any] = (client.get(f"chunk:{n}") for n in range(start // CHUNK, -(-stop // CHUNK)))
        return sum(map(len, chunks))


def _fill(kept: redis.Redis, file: Path) -> None:
    with file.open("rb") as content:
        for number in range(-(-file.stat().st_size // CHUNK)):
            kept.set(f"chunk:{number}", content.read(CHUNK))


def _cookie(client: httpx.Client) -> str:
    return "".join(f"Cookie: {name}={value}\r\n" for name, value in client.cookies.items())

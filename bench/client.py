"""A small load generator for machines without wrk: some threads, a connection each, one request after the other.

`python -m bench.client SECONDS CONNECTIONS` reads {"url", "targets", "headers"} as JSON and prints the figures.
It shares its one interpreter lock among the connections, so it reaches a few thousand requests a second: enough to
compare slow servers, too little to tell fast ones apart.
"""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit


class Worker(threading.Thread):
    """One connection, asked until `end`."""

    def __init__(
        self, url: str, targets: Sequence[str], headers: Mapping[str, str], start: int, end: float
    ) -> None:
        super().__init__(daemon=True)
        self.parts = urlsplit(url)
        self.targets = itertools.islice(itertools.cycle(targets), start, None)
        self.headers = dict(headers)
        self.end = end
        self.took: list[float] = []
        self.errors = 0
        # The certificate is the server's own affair here: what counts is the work of the handshake.
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def connect(self) -> http.client.HTTPConnection:
        host, port = self.parts.hostname or "localhost", self.parts.port
        if self.parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=10, context=self.context)
        return http.client.HTTPConnection(host, port, timeout=10)

    def run(self) -> None:
        connection = self.connect()
        for target in self.targets:
            began = time.perf_counter()
            if began >= self.end:
                break
            try:
                connection.request("GET", target, headers=self.headers)
                answer = connection.getresponse()
                answer.read()
                good = 200 <= answer.status < 300
            except (OSError, http.client.HTTPException):
                good = False
                connection.close()
            self.took.append(time.perf_counter() - began)
            self.errors += not good
        connection.close()


def main(seconds: float, connections: int) -> None:
    order = json.load(sys.stdin)
    began = time.perf_counter()
    workers = [
        Worker(order["url"], order["targets"], order["headers"], number * 7, began + seconds)
        for number in range(connections)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds + 30)
    elapsed = time.perf_counter() - began
    took = sorted(itertools.chain.from_iterable(worker.took for worker in workers)) or [0.0]
    figures = {
        "requests": len(took),
        "seconds": elapsed,
        "p50": took[len(took) // 2] * 1000,
        "p99": took[len(took) * 99 // 100] * 1000,
        "errors": sum(worker.errors for worker in workers),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))

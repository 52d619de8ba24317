"""A chain that is no development chain: the embedded one under another id, behind HTTP.

Everything is real but the id, so that what commands do where gas costs money can be tested.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from verifiable.chain.local import node
from verifiable.chain.local.chain import LocalChain

CHAIN_ID = 5
ETHER = 10**18


@dataclass(frozen=True, kw_only=True)
class OtherChain:
    """A running node.

    Attributes:
        url: with a secret in its path, as providers have it.
        secret: that part of the URL.
        requests: the methods that were asked for, in order.
    """

    url: str
    secret: str
    requests: list[str]

    @property
    def sent(self) -> int:
        """How many transactions were sent."""
        return sum(method.startswith("eth_send") for method in self.requests)


@contextmanager
def other_chain(folder: Path, *, rich: tuple[str, ...] = ()) -> Iterator[OtherChain]:
    """Serve a chain of id 5 in which the addresses of `rich` hold 100 ether each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(node, "DEVELOPMENT_CHAIN_ID", CHAIN_ID)
        chain = LocalChain.open(folder / "other.db")
    for address in rich:
        assert "error" not in chain.request("anvil_setBalance", [address, hex(100 * ETHER)])
    secret = "c0ffee" * 4
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            requests.append(body["method"])
            answer = chain.request(body["method"], body.get("params", []))
            if body["method"] == "web3_clientVersion":  # a node like any other
                answer = {**answer, "result": "Geth/v1.16.0"}
            data = json.dumps({**answer, "id": body["id"]}).encode()
            self.send_response(200 if self.path == f"/v3/{secret}" else 403)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/v3/{secret}"
        yield OtherChain(url=url, secret=secret, requests=requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
        chain.close()

"""anvil as the independent implementation that the embedded EVM is compared with.

Found at $ANVIL, on PATH, in ~/.foundry/bin, or in a `node_modules` of this folder's parents.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WAIT_S = 20
REQUEST_S = 60

Rpc = Callable[..., Any]


class NodeError(Exception):
    """The node answered with an error."""


def find_anvil() -> Path | None:
    """The binary, or None if there is none on this machine."""
    if named := os.environ.get("ANVIL"):
        return Path(named)
    if found := shutil.which("anvil"):
        return Path(found)
    places = [Path.home() / ".foundry" / "bin"]
    for parent in Path(__file__).resolve().parents:
        places += sorted(parent.glob("node_modules/@foundry-rs/anvil-*/bin"))
    return next((place / "anvil" for place in places if (place / "anvil").is_file()), None)


@contextmanager
def reference_node(binary: Path) -> Iterator[Rpc]:
    """Run anvil under the rules of Osaka; yields `rpc(method, *params)`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    node = subprocess.Popen(
        [binary, "--port", str(port), "--silent", "--hardfork", "osaka", "--enable-tx-gas-limit"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_S)

        def rpc(method: str, *params: object) -> Any:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
            answer = json.load(connection.getresponse())
            if "error" in answer:
                raise NodeError(answer["error"])
            return answer["result"]

        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                rpc("eth_chainId")
                break
            except ConnectionError:
                connection.close()
                if time.monotonic() > deadline or node.poll() is not None:
                    raise
                time.sleep(0.05)
        with contextlib.closing(connection):
            yield rpc
    finally:
        node.send_signal(signal.SIGINT)
        try:
            node.wait(5)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()

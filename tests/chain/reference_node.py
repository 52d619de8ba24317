"""anvil as the independent implementation that the embedded EVM is compared with."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from verifiable.chain.anvil import find_anvil, run_anvil
from verifiable.errors import ChainError

REQUEST_S = 60

Rpc = Callable[..., Any]


class NodeError(Exception):
    """The node answered with an error."""


def anvil_if_any() -> Path | None:
    """The binary, or None where it is not installed."""
    try:
        return find_anvil()
    except ChainError as absent:
        if absent.code != "no-anvil":
            raise
        return None


@contextmanager
def reference_node(binary: Path) -> Iterator[Rpc]:
    """Run anvil under the rules of Osaka; yields `rpc(method, *params)`."""
    with run_anvil(binary) as node:
        place = urlsplit(node.url)
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=REQUEST_S)

        def rpc(method: str, *params: object) -> Any:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
            answer = json.load(connection.getresponse())
            if "error" in answer:
                raise NodeError(answer["error"])
            return answer["result"]

        with closing(connection):
            yield rpc

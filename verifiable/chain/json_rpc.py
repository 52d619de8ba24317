"""The provider for nodes: exchanges by HTTP, WebSocket or IPC, retried and checked.

It has the part of a web3.py provider that the client uses, and does without web3, which takes a
second to import. What a node answers is JSON-RPC of the right shape when it leaves here, and
everything that fails is a `ChainError` without secrets.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from typing import Any, Protocol

from verifiable.chain.dialing import Failure
from verifiable.chain.json_text import read_json
from verifiable.chain.node_url import NodeUrl
from verifiable.chain.rpc import shown
from verifiable.errors import ChainError

__all__ = ["TRIES", "JsonRpcProvider", "Transport", "transport_for"]

TRIES = 5
BACKOFF_S = 0.25
TIMEOUT_TRIES = 2
"""A node that does not answer at all is asked once more, and not five times the timeout."""

_ONCE = (
    "eth_sendTransaction",
    "eth_getFilterChanges",
    "evm_",
    "anvil_",
    "hardhat_",
    "personal_",
    "admin_",
    "miner_",
)
"""Beginnings of methods whose second run does something else than the first. Sending a signed
transaction again is safe: the same bytes are the same transaction."""


class Transport(Protocol):
    """Carries one request to a node and its answer back."""

    def exchange(self, request: bytes, *, deadline: float, again: bool) -> bytes:
        """Send a request and return the answer of its id; raise `Failure` if there is none."""

    def close(self) -> None:
        """Close all connections; the next exchange opens one again."""


def transport_for(url: NodeUrl) -> Transport:
    """The transport of a node's URL, not connected yet."""
    if url.path is not None:
        from verifiable.chain.stream_transport import IpcTransport

        return IpcTransport(url.path)
    if url.kind in ("ws", "wss"):
        from verifiable.chain.stream_transport import WebSocketTransport

        return WebSocketTransport(url)
    from verifiable.chain.http_transport import HttpTransport

    return HttpTransport(url)


class JsonRpcProvider:
    """A node behind a URL."""

    def __init__(self, url: NodeUrl, *, timeout_s: float) -> None:
        """Connects to nothing yet.

        Args:
            url: of kind `http(s)`, `ws(s)` or `ipc`.
            timeout_s: seconds for one exchange, connecting included.
        """
        self.source = url.source
        self._redactor = url.redactor()
        self._transport = transport_for(url)
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)

    def __repr__(self) -> str:
        return f"JsonRpcProvider({self.source!r})"

    __str__ = __repr__

    def make_request(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        """Call a method of the node.

        Returns:
            The answer, with `result` or with `error`, as the node gave it; secrets of the URL
            are taken out of the error's texts.

        Raises:
            ChainError: the node cannot be reached, refuses access, or is no JSON-RPC node.
        """
        return self._ask(method, params)

    def probe(self) -> int:
        """Ask for the chain's id: shows that a node is there and speaks JSON-RPC.

        A node that refuses the connection is not asked again: most often the URL is wrong.

        Raises:
            ChainError: as `make_request`, or the node refuses to say.
        """
        answer = self._ask("eth_chainId", [], first=True)
        error = answer.get("error")
        if error is not None:
            raise ChainError(
                "the node refuses to tell its chain",
                where=self.source,
                why=shown(error["message"]),
                code="node-refuses",
            )
        try:
            return int(answer["result"], 16)
        except (TypeError, ValueError):
            pass
        raise self._no_json_rpc("its chain id is not a number in hex")

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _ask(self, method: str, params: Sequence[Any], *, first: bool = False) -> dict[str, Any]:
        retried = not method.startswith(_ONCE)
        request_id = next(self._ids)
        body = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}
        request = json.dumps(body).encode("utf-8")
        for attempt in itertools.count(1):
            deadline = time.monotonic() + self._timeout_s
            try:
                raw = self._transport.exchange(request, deadline=deadline, again=retried)
                return self._decode(raw, request_id)
            except Failure as found:
                failure = found
            allowed = TIMEOUT_TRIES if failure.code == "node-timeout" else TRIES
            if first and failure.code in ("unreachable-node", "node-timeout"):
                allowed = 1
            if attempt >= allowed or not failure.again or (failure.sent and not retried):
                break
            time.sleep(max(failure.wait_s, BACKOFF_S * 2 ** (attempt - 1)))
        raise ChainError(
            failure.what,
            where=self.source,
            why=failure.why,
            hint=failure.hint,
            code=failure.code,
        )

    def _decode(self, raw: bytes, request_id: int) -> dict[str, Any]:
        try:
            answer = read_json(raw)
        except ValueError:
            answer = None
        if answer is None:
            raise self._no_json_rpc("its answer is not JSON")
        if not isinstance(answer, dict):
            raise self._no_json_rpc("its answer is not an object")
        error = answer.get("error")
        if error is not None:
            if isinstance(error, str):
                error = {"code": -32000, "message": error}
            if not isinstance(error, dict):
                raise self._no_json_rpc("its error is not an object")
            message, code = error.get("message", ""), error.get("code", -32000)
            if not isinstance(message, str) or not isinstance(code, int):
                raise self._no_json_rpc("its error has no message or no code")
            hidden = self._redactor.value({**error, "message": message, "code": code})
            return {"jsonrpc": "2.0", "id": request_id, "error": hidden}
        if "result" not in answer or answer.get("id") != request_id:
            raise self._no_json_rpc("its answer has no result, or answers another request")
        return {"jsonrpc": "2.0", "id": request_id, "result": answer["result"]}

    def _no_json_rpc(self, why: str) -> ChainError:
        return ChainError(
            "this is no JSON-RPC node",
            where=self.source,
            why=why,
            hint="check the URL; many providers have the node at a path of its own",
            code="not-json-rpc",
        )

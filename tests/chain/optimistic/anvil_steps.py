"""The same contracts on anvil, which runs them many times as fast: for the thousands of slow tests.

Where anvil is not installed, the embedded EVM takes its place and the tests take an hour.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from step_contracts import GAS_LIMIT, StepContracts

from verifiable.chain.anvil import find_anvil, run_anvil
from verifiable.chain.engine import Result
from verifiable.errors import ChainError

__all__ = ["fast_steps"]

REQUEST_S = 120


class AnvilSteps(StepContracts):
    """Router and families, deployed on a running anvil."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._sender = self._node("eth_accounts")["result"][0]
        super().__init__()

    def call(self, data: bytes, to: bytes | None = None) -> Result:
        """Call the router, or another contract; its gas is not asked for."""
        message = {
            "from": self._sender,
            "to": "0x" + (to or self.router).hex(),
            "data": "0x" + data.hex(),
            "gas": hex(GAS_LIMIT),
        }
        answer = self._node("eth_call", message, "latest")
        if "result" in answer:
            return self._checked(_result(True, answer["result"]))
        error = answer["error"]
        assert error["code"] == 3, error
        return self._checked(_result(False, error.get("data", "0x")))

    def _create(self, code: bytes) -> bytes:
        message = {"from": self._sender, "data": "0x" + code.hex(), "gas": hex(GAS_LIMIT)}
        digest = self._node("eth_sendTransaction", message)["result"]
        deadline = time.monotonic() + REQUEST_S
        while (receipt := self._node("eth_getTransactionReceipt", digest)["result"]) is None:
            assert time.monotonic() < deadline, "anvil mines no block"
            time.sleep(0.02)
        assert receipt["status"] == "0x1"
        return bytes.fromhex(receipt["contractAddress"][2:])

    def _node(self, method: str, *params: Any) -> dict[str, Any]:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer: dict[str, Any] = json.load(self._connection.getresponse())
        return answer


def _result(ok: bool, output: str) -> Result:
    return Result(
        ok=ok, gas_used=0, output=bytes.fromhex(output[2:]), logs=(), created=None, halt=""
    )


@contextmanager
def fast_steps() -> Iterator[StepContracts]:
    """Contracts on anvil if it is installed, on the embedded EVM otherwise."""
    try:
        path = find_anvil()
    except ChainError:
        yield StepContracts()
        return
    with run_anvil(path) as running:
        place = running.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(place, timeout=REQUEST_S)) as connection:
            yield AnvilSteps(connection)

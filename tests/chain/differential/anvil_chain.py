"""anvil as a chain of the differential test: one process, set back for each chapter."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from evm_scenario import hexed
from scenario_run import State, result

from verifiable.chain.anvil import run_anvil
from verifiable.chain.local.genesis import DEPLOYMENT_PROXY

REQUEST_S = 120
PAST_HASHES = "0x0000f90827f1c53a10cb7a02335b175320002935"
"""The contract of EIP-2935, which the embedded chain has not."""


class AnvilChain:
    """A running anvil."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        # its deployment proxy has nonce 0, which no contract has that a transaction made
        result(self.node, "anvil_setNonce", hexed(DEPLOYMENT_PROXY), "0x1")

    def node(self, method: str, *params: Any) -> dict[str, Any]:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return json.load(self._connection.getresponse())

    def state(self) -> State:
        """All accounts there are."""
        dump = gzip.decompress(bytes.fromhex(result(self.node, "anvil_dumpState")[2:]))
        return {
            address: {
                "nonce": account["nonce"],
                "balance": int(account["balance"], 16),
                "code": account["code"],
                "storage": {
                    f"0x{int(slot, 16):064x}": f"0x{int(held, 16):064x}"
                    for slot, held in account["storage"].items()
                    if int(held, 16)
                },
            }
            for address, account in json.loads(dump)["accounts"].items()
            if address != PAST_HASHES
        }

    @contextmanager
    def fresh(self) -> Iterator[AnvilChain]:
        """The chain as it was at its start, for the length of the block."""
        start = result(self.node, "evm_snapshot")
        try:
            yield self
        finally:
            result(self.node, "evm_revert", start)


@contextmanager
def anvil_chain(path: Path) -> Iterator[AnvilChain]:
    """Run anvil under the rules of the embedded chain."""
    with run_anvil(path) as running:
        place = running.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(place, timeout=REQUEST_S)) as connection:
            yield AnvilChain(connection)

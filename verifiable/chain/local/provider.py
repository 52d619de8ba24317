"""The embedded chain as a web3.py provider."""

from __future__ import annotations

import json
from typing import Any, cast

from web3._utils.encoding import Web3JsonEncoder
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from verifiable.chain.local.chain import LocalChain
from verifiable.chain.local.refusals import INVALID_PARAMETERS

__all__ = ["LocalProvider"]


class LocalProvider(BaseProvider):
    """Hands web3's requests to a chain in this process.

    Args:
        chain: stays open until its owner closes it.
    """

    def __init__(self, chain: LocalChain) -> None:
        super().__init__()
        self.chain = chain

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer one request. Nothing is raised: errors are in the response."""
        try:
            # as over a wire: bytes become hex, tuples lists, and the chain sees copies
            plain = json.loads(json.dumps(params, cls=Web3JsonEncoder))
        except (TypeError, ValueError) as cause:
            message = f"parameters cannot be written as JSON: {cause}"
            error = {"code": INVALID_PARAMETERS, "message": message}
            return cast(RPCResponse, {"jsonrpc": "2.0", "id": 1, "error": error})
        return cast(RPCResponse, self.chain.request(method, plain))

    def is_connected(self, show_traceback: bool = False) -> bool:
        """Whether the chain answers."""
        return "result" in self.chain.request("eth_chainId", [])

"""What the client asks of a signing key, whatever keeps it.

The client composes a transaction and compares the chain's id first; a signer only signs. Nodes
that keep keys themselves (`unlocked`) sign on their own side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["CURVE_ORDER", "Signer", "Transaction"]

CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Of secp256k1: keys and signatures are numbers below it."""

Transaction = Mapping[str, Any]
"""A transaction before it is signed, in the field names of JSON-RPC.

Always `chainId nonce gas value data`, and `to` unless a contract is created; then either `type` 2
with `maxFeePerGas` and `maxPriorityFeePerGas`, or `gasPrice` alone (legacy, EIP-155). Numbers are
int, `data` and `to` are bytes (20 for `to`), as eth_account takes them.
"""


class Signer(Protocol):
    """A key that can sign transactions. Never shows the key: not in `repr`, not in errors."""

    @property
    def address(self) -> bytes:
        """Address of the account, 20 bytes."""

    @property
    def unlocked(self) -> bool:
        """Whether the node holds the key and signs (`eth_sendTransaction`), never `sign`."""

    def sign(self, transaction: Transaction) -> bytes:
        """Sign a transaction.

        Returns:
            The raw transaction, as `eth_sendRawTransaction` takes it.

        Raises:
            AccountError: the key cannot be used.
        """

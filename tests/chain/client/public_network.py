"""A made-up public network of chain id 1: takes what is signed, and mines what the test says.

It executes nothing. It is for what the embedded chain never does: a mempool, transactions that
wait, several nodes of which some lag, and reorganisations.
"""

from __future__ import annotations

from typing import Any

from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from verifiable.statement.hashing import keccak

GWEI = 10**9


def block_hash(number: int, branch: int = 0) -> str:
    """Of a block on one of several branches."""
    return f"0x{keccak(f'{branch}/{number}'.encode()).hex()}"


class PublicNetwork:
    """One node of it.

    Attributes:
        head: number of the newest block.
        raw: what was sent, by hash.
        mined: (block number, branch, status) by hash; others wait.
        counts: what the node says of an account's transactions, `pending` and `latest`.
        methods: answers of the test's own, by method: a function of the parameters.
        seen: methods in the order in which they were asked.
    """

    def __init__(self) -> None:
        self.head = 100
        self.base_fee: int | None = 10 * GWEI
        self.raw: dict[str, bytes] = {}
        self.mined: dict[str, tuple[int, int, int]] = {}
        self.branch = 0
        self.counts = {"pending": 7, "latest": 7}
        self.methods: dict[str, Any] = {}
        self.seen: list[str] = []

    def make_request(self, method: str, params: Any) -> Any:
        self.seen.append(method)
        answer = self.methods.get(method) or getattr(self, method)
        return {"jsonrpc": "2.0", "id": 1, "result": answer(*params)}

    def sent(self) -> list[dict[str, Any]]:
        """Fields of what was sent, in order."""
        return [fields_of(raw) for raw in self.raw.values()]

    def eth_chainId(self) -> str:  # noqa: N802 (names of JSON-RPC)
        return "0x1"

    def eth_blockNumber(self) -> str:  # noqa: N802
        return hex(self.head)

    def eth_gasPrice(self) -> str:  # noqa: N802
        return hex(12 * GWEI)

    def eth_maxPriorityFeePerGas(self) -> str:  # noqa: N802
        return hex(2 * GWEI)

    def eth_estimateGas(self, message: Any) -> str:  # noqa: N802
        return hex(50_000)

    def eth_getTransactionCount(self, address: str, tag: str) -> str:  # noqa: N802
        return hex(self.counts[tag])

    def eth_getBlockByNumber(self, tag: str, full: bool) -> Any:  # noqa: N802
        number = self.head if tag == "latest" else int(tag, 16)
        block = {"number": hex(number), "hash": block_hash(number, self.branch), "timestamp": "0x1"}
        if self.base_fee is not None:
            block["baseFeePerGas"] = hex(self.base_fee)
        return block

    def eth_sendRawTransaction(self, raw: str) -> str:  # noqa: N802
        data = bytes.fromhex(raw[2:])
        name = f"0x{keccak(data).hex()}"
        self.raw[name] = data
        return name

    def eth_getTransactionByHash(self, name: str) -> Any:  # noqa: N802
        if name not in self.raw:
            return None
        fields = fields_of(self.raw[name])
        shown = {key: hex(value) for key, value in fields.items() if isinstance(value, int)}
        block = self.mined.get(name)
        return {
            **shown,
            "hash": name,
            "from": Account.recover_transaction(self.raw[name]),
            "blockHash": block_hash(*block[:2]) if block else None,
        }

    def eth_getTransactionReceipt(self, name: str) -> Any:  # noqa: N802
        if name not in self.mined:
            return None
        number, branch, status = self.mined[name]
        return {
            "transactionHash": name,
            "status": hex(status),
            "blockHash": block_hash(number, branch),
            "blockNumber": hex(number),
            "gasUsed": hex(40_000),
            "logs": [],
            "contractAddress": None,
            "effectiveGasPrice": hex(12 * GWEI),
        }


def fields_of(raw: bytes) -> dict[str, Any]:
    """Fields of a signed transaction of type 2."""
    return TypedTransaction.from_bytes(HexBytes(raw)).as_dict()

"""Blocks as other tools hash them: header, bloom, and the roots of a block's tries.

A block holds one transaction or none, so its tries of transactions and receipts are empty or one
leaf. The hash is the real one: keccak-256 of the header's RLP encoding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import rlp

from verifiable.chain.engine import LogEntry
from verifiable.statement.hashing import keccak

__all__ = [
    "BASE_FEE",
    "BLOCK_GAS_LIMIT",
    "BLOOM_BYTES",
    "COINBASE",
    "EMPTY_ROOT",
    "NO_UNCLES",
    "REQUESTS_HASH",
    "Header",
    "bloom_of",
    "encode_receipt",
    "root_of_one",
]

BASE_FEE = 10**9
"""Wei a unit of gas, in every block."""

BLOCK_GAS_LIMIT = 60_000_000
COINBASE = bytes(20)

BLOOM_BYTES = 256
EMPTY_ROOT = keccak(rlp.encode(b""))
NO_UNCLES = keccak(rlp.encode([]))
REQUESTS_HASH = hashlib.sha256(b"").digest()

_NO_NONCE = bytes(8)
_HEADER_FIELDS = 21
_FIRST_LEAF = bytes.fromhex("2080")  # hex prefix of an even leaf, then the key: RLP of index 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a block's hash commits to. Hashes and roots are 32 bytes, `bloom` is 256.

    Attributes:
        state_root: of the accounts after the block.
        transactions_root, receipts_root: of the block's tries.
        time_s: Unix time.
    """

    parent_hash: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    bloom: bytes
    number: int
    gas_limit: int
    gas_used: int
    time_s: int
    prev_randao: bytes
    base_fee: int
    coinbase: bytes = COINBASE

    def encode(self) -> bytes:
        """RLP, in the field order of Prague and Osaka."""
        encoded: bytes = rlp.encode(
            [
                self.parent_hash,
                NO_UNCLES,
                self.coinbase,
                self.state_root,
                self.transactions_root,
                self.receipts_root,
                self.bloom,
                0,  # difficulty
                self.number,
                self.gas_limit,
                self.gas_used,
                self.time_s,
                b"",  # extra data
                self.prev_randao,
                _NO_NONCE,
                self.base_fee,
                EMPTY_ROOT,  # withdrawals
                0,  # blob gas used
                0,  # excess blob gas
                bytes(32),  # beacon root
                REQUESTS_HASH,
            ]
        )
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> Header:
        """Read what `encode` wrote.

        Raises:
            ValueError: the bytes are something else.
        """
        try:
            fields: list[bytes] = rlp.decode(encoded)
        except rlp.exceptions.RLPException as cause:
            raise ValueError("not RLP") from cause
        if not isinstance(fields, list | tuple) or len(fields) != _HEADER_FIELDS:
            raise ValueError(f"not the {_HEADER_FIELDS} fields of a header")
        return cls(
            parent_hash=fields[0],
            coinbase=fields[2],
            state_root=fields[3],
            transactions_root=fields[4],
            receipts_root=fields[5],
            bloom=fields[6],
            number=int.from_bytes(fields[8], "big"),
            gas_limit=int.from_bytes(fields[9], "big"),
            gas_used=int.from_bytes(fields[10], "big"),
            time_s=int.from_bytes(fields[11], "big"),
            prev_randao=fields[13],
            base_fee=int.from_bytes(fields[15], "big"),
        )


def bloom_of(logs: Sequence[LogEntry]) -> bytes:
    """Three bits of 2,048 for each address and topic."""
    bits = 0
    for log in logs:
        for item in (log.address, *log.topics):
            digest = keccak(item)
            for start in (0, 2, 4):
                bits |= 1 << (int.from_bytes(digest[start : start + 2], "big") % 2048)
    return bits.to_bytes(BLOOM_BYTES, "big")


def encode_receipt(
    *, kind: int, ok: bool, cumulative_gas: int, bloom: bytes, logs: Sequence[LogEntry]
) -> bytes:
    """A receipt as the trie of receipts holds it."""
    events = [[log.address, list(log.topics), log.data] for log in logs]
    payload: bytes = rlp.encode([int(ok), cumulative_gas, bloom, events])
    return payload if kind == 0 else bytes([kind]) + payload


def root_of_one(item: bytes) -> bytes:
    """Root of a trie with one item at index 0 (of at least 32 bytes, as all here are)."""
    return keccak(rlp.encode([_FIRST_LEAF, item]))

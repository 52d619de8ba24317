"""Blocks and messages to hand to an engine in tests."""

from __future__ import annotations

from dataclasses import replace

from verifiable.chain.engine import BlockEnv, TxEnv

ALICE = bytes.fromhex("a1" * 20)
BOB = bytes.fromhex("b0" * 20)
MINER = bytes.fromhex("33" * 20)
CONTRACT = bytes.fromhex("cc" * 20)
ETHER = 10**18
BASE_FEE = 10**9
TIP = 3 * 10**8


def hash_of(number: int) -> bytes:
    return b"\xb1" * 28 + number.to_bytes(4, "big")


_BLOCK = BlockEnv(
    chain_id=31337,
    number=1000,
    time_s=1_700_000_000,
    coinbase=MINER,
    gas_limit=60_000_000,
    base_fee=BASE_FEE,
    prev_randao=b"\x5a" * 32,
    block_hash=hash_of,
)
_MESSAGE = TxEnv(
    sender=ALICE,
    to=BOB,
    value=0,
    data=b"",
    nonce=0,
    gas_limit=1_000_000,
    gas_price=BASE_FEE + TIP,
    priority_fee=TIP,
)


def block(**changes: object) -> BlockEnv:
    return replace(_BLOCK, **changes)


def message(**changes: object) -> TxEnv:
    return replace(_MESSAGE, **changes)

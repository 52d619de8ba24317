"""What a transaction costs before its first instruction, and the limits it must stay within.

Plain arithmetic on a message, without an EVM: the chain's validity rules and every engine use the
same numbers.
"""

from __future__ import annotations

from verifiable.chain.engine import TxEnv

__all__ = [
    "MAX_CODE_BYTES",
    "MAX_INITCODE_BYTES",
    "MAX_TRANSACTION_GAS",
    "floor_gas",
    "intrinsic_gas",
    "required_gas",
]

MAX_TRANSACTION_GAS = 1 << 24
"""EIP-7825: no transaction may ask for more units of gas."""

MAX_CODE_BYTES = 24_576
"""EIP-170: no longer code is deployed."""

MAX_INITCODE_BYTES = 2 * MAX_CODE_BYTES
"""EIP-3860: a transaction with longer initcode is invalid."""

_TRANSACTION = 21_000
_CREATION = 32_000
_ZERO_BYTE, _OTHER_BYTE = 4, 16  # EIP-2028
_INITCODE_WORD = 2  # EIP-3860
_LISTED_ADDRESS, _LISTED_SLOT = 2_400, 1_900  # EIP-2930
_FLOOR_TOKEN, _TOKENS_OTHER_BYTE = 10, 4  # EIP-7623


def intrinsic_gas(tx: TxEnv) -> int:
    """Units of gas that are charged before execution: calldata, initcode, access list."""
    zeros = tx.data.count(0)
    gas = _TRANSACTION + _ZERO_BYTE * zeros + _OTHER_BYTE * (len(tx.data) - zeros)
    if tx.to is None:
        gas += _CREATION + _INITCODE_WORD * ((len(tx.data) + 31) // 32)
    for _, slots in tx.access_list:
        gas += _LISTED_ADDRESS + _LISTED_SLOT * len(slots)
    return gas


def floor_gas(tx: TxEnv) -> int:
    """Units of gas that a transaction pays at least, for its calldata (EIP-7623)."""
    zeros = tx.data.count(0)
    return _TRANSACTION + _FLOOR_TOKEN * (zeros + _TOKENS_OTHER_BYTE * (len(tx.data) - zeros))


def required_gas(tx: TxEnv) -> int:
    """The smallest gas limit with which a transaction is valid."""
    return max(intrinsic_gas(tx), floor_gas(tx))

"""Signed transactions: strict decoding, the sender's recovery, and signing.

Types 0 (legacy with EIP-155), 1 (EIP-2930) and 2 (EIP-1559). There is one encoding of each
transaction: numbers without leading zeros, nothing behind the last field, `s` in the lower half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import rlp
from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from verifiable.chain.engine import AccessList, TxEnv
from verifiable.chain.local.refusals import invalid_transaction
from verifiable.chain.signing import CURVE_ORDER
from verifiable.statement.hashing import keccak

__all__ = [
    "FEE_MARKET",
    "LEGACY",
    "WITH_ACCESS_LIST",
    "Transaction",
    "decode_transaction",
    "read_transaction",
    "sign",
]

LEGACY, WITH_ACCESS_LIST, FEE_MARKET = 0, 1, 2
_OTHER_TYPES = {3: "blob transactions (EIP-4844)", 4: "set code transactions (EIP-7702)"}

_ADDRESS_BYTES = 20
_WORD_BYTES = 32
_GAS_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A transaction with the signature that makes it its sender's.

    Attributes:
        kind: 0, 1 or 2.
        max_fee, priority_fee: wei a unit of gas; types 0 and 1 give one price for both.
        v, r, s: as encoded; `v` is the parity of the curve point, and for type 0 EIP-155's
            `35 + 2 * chain_id + parity`.
        sender: recovered, 20 bytes.
        raw: the bytes as they travel; `hash` is their keccak-256.
    """

    kind: int
    chain_id: int
    nonce: int
    max_fee: int
    priority_fee: int
    gas_limit: int
    to: bytes | None
    value: int
    data: bytes
    access_list: AccessList
    v: int = 0
    r: int = 0
    s: int = 0
    sender: bytes = b""
    raw: bytes = b""

    @property
    def hash(self) -> bytes:
        """The transaction's name: keccak-256 of its bytes."""
        return keccak(self.raw)

    @property
    def parity(self) -> int:
        """Which of two curve points the signature's `r` stands for."""
        return self.v if self.kind else (self.v - 35) % 2

    def tip(self, base_fee: int) -> int:
        """What the proposer gets, in wei a unit of gas."""
        return min(self.priority_fee, self.max_fee - base_fee)

    def price(self, base_fee: int) -> int:
        """What the sender pays, in wei a unit of gas."""
        return base_fee + self.tip(base_fee)

    def env(self, base_fee: int) -> TxEnv:
        """The transaction as an engine runs it."""
        return TxEnv(
            sender=self.sender,
            to=self.to,
            value=self.value,
            data=self.data,
            nonce=self.nonce,
            gas_limit=self.gas_limit,
            gas_price=self.price(base_fee),
            priority_fee=self.tip(base_fee),
            access_list=self.access_list,
        )


def decode_transaction(raw: bytes) -> Transaction:
    """Read a signed transaction and recover its sender (some 15 ms in pure Python).

    Raises:
        Refusal: (-32000) the bytes are none, of another type, or the signature is not valid.
    """
    return _signed_by(read_transaction(raw))


def read_transaction(raw: bytes) -> Transaction:
    """Read a signed transaction and leave its sender open.

    Raises:
        Refusal: (-32000) the bytes are none, or of another type.
    """
    if not raw:
        raise invalid_transaction("typed transaction too short")
    kind = raw[0]
    if kind >= 0xC0:
        return replace(_decode_legacy(_fields(raw, 9)), raw=raw)
    if kind in _OTHER_TYPES:
        raise invalid_transaction(f"transaction type not supported: {_OTHER_TYPES[kind]}")
    if kind not in (WITH_ACCESS_LIST, FEE_MARKET):
        raise invalid_transaction(f"transaction type not supported: {kind:#04x}")
    fields = _fields(raw[1:], 11 if kind == WITH_ACCESS_LIST else 12)
    return replace(_decode_typed(kind, fields), raw=raw)


def sign(unsigned: Transaction, private_key: bytes) -> Transaction:
    """Sign by RFC 6979: the same transaction and key give the same bytes."""
    key = PrivateKey(private_key)
    signature = key.sign_msg_hash(_signing_hash(unsigned))
    v = signature.v if unsigned.kind else signature.v + 35 + 2 * unsigned.chain_id
    signed = replace(unsigned, v=v, r=signature.r, s=signature.s)
    payload: bytes = rlp.encode([*_body(signed), v, signature.r, signature.s])
    raw = payload if not signed.kind else bytes([signed.kind]) + payload
    return replace(signed, sender=key.public_key.to_canonical_address(), raw=raw)


def _body(tx: Transaction) -> list[Any]:
    """The unsigned fields in their order."""
    tail = [tx.gas_limit, tx.to or b"", tx.value, tx.data]
    if tx.kind == LEGACY:
        return [tx.nonce, tx.max_fee, *tail]
    listed = [
        [address, [slot.to_bytes(_WORD_BYTES, "big") for slot in slots]]
        for address, slots in tx.access_list
    ]
    fees = [tx.max_fee] if tx.kind == WITH_ACCESS_LIST else [tx.priority_fee, tx.max_fee]
    return [tx.chain_id, tx.nonce, *fees, *tail, listed]


def _signing_hash(tx: Transaction) -> bytes:
    if tx.kind == LEGACY:
        return keccak(rlp.encode([*_body(tx), tx.chain_id, 0, 0]))
    return keccak(bytes([tx.kind]) + rlp.encode(_body(tx)))


def _signed_by(tx: Transaction) -> Transaction:
    """Fill in who signed.

    A signature with `s` in the upper half is another encoding of one with it in the lower half.
    """
    if tx.parity not in (0, 1) or not 0 < tx.r < CURVE_ORDER or not 0 < tx.s <= CURVE_ORDER // 2:
        raise invalid_transaction("invalid transaction v, r, s values")
    try:
        signature = Signature(vrs=(tx.parity, tx.r, tx.s))
        signer = signature.recover_public_key_from_msg_hash(_signing_hash(tx))
    except (BadSignature, ValidationError) as cause:
        raise invalid_transaction("invalid sender: invalid signature") from cause
    return replace(tx, sender=signer.to_canonical_address())


def _decode_legacy(fields: Sequence[Any]) -> Transaction:
    nonce, price, gas_limit, to, value, data, v, r, s = fields
    parity_and_chain = _number(v, _WORD_BYTES, "v")
    if parity_and_chain in (27, 28):
        raise invalid_transaction("only replay-protected (EIP-155) transactions allowed over RPC")
    if parity_and_chain < 35:
        raise invalid_transaction("invalid transaction v, r, s values")
    gas_price = _number(price, _WORD_BYTES, "gasPrice")
    return Transaction(
        kind=LEGACY,
        chain_id=(parity_and_chain - 35) // 2,
        nonce=_number(nonce, _GAS_BYTES, "nonce"),
        max_fee=gas_price,
        priority_fee=gas_price,
        gas_limit=_number(gas_limit, _GAS_BYTES, "gas"),
        to=_callee(to),
        value=_number(value, _WORD_BYTES, "value"),
        data=_string(data, "data"),
        access_list=(),
        v=parity_and_chain,
        r=_number(r, _WORD_BYTES, "r"),
        s=_number(s, _WORD_BYTES, "s"),
    )


def _decode_typed(kind: int, fields: Sequence[Any]) -> Transaction:
    chain_id, nonce, *fees, gas_limit, to, value, data, listed, parity, r, s = fields
    prices = [_number(fee, _WORD_BYTES, "fee") for fee in fees]
    return Transaction(
        kind=kind,
        chain_id=_number(chain_id, _WORD_BYTES, "chainId"),
        nonce=_number(nonce, _GAS_BYTES, "nonce"),
        max_fee=prices[-1],
        priority_fee=prices[0],
        gas_limit=_number(gas_limit, _GAS_BYTES, "gas"),
        to=_callee(to),
        value=_number(value, _WORD_BYTES, "value"),
        data=_string(data, "data"),
        access_list=_access_list(listed),
        v=_number(parity, _WORD_BYTES, "yParity"),
        r=_number(r, _WORD_BYTES, "r"),
        s=_number(s, _WORD_BYTES, "s"),
    )


def _fields(encoded: bytes, count: int) -> Sequence[Any]:
    try:
        fields = rlp.decode(encoded)  # strict: one encoding of each value, nothing behind it
    except (rlp.exceptions.RLPException, RecursionError) as cause:
        raise invalid_transaction(f"rlp: {cause}"[:200]) from cause
    if not isinstance(fields, list | tuple):
        raise invalid_transaction("rlp: expected List")
    if len(fields) != count:
        less = "too few" if len(fields) < count else "too many"
        raise invalid_transaction(f"rlp: {less} elements: {len(fields)}, want {count}")
    return fields


def _string(field: Any, name: str) -> bytes:
    if not isinstance(field, bytes):
        raise invalid_transaction(f"rlp: expected String, decoding field {name}")
    return field


def _number(field: Any, size: int, name: str) -> int:
    encoded = _string(field, name)
    if len(encoded) > size:
        raise invalid_transaction(f"rlp: number of more than {8 * size} bits, decoding {name}")
    if encoded[:1] == b"\0":
        raise invalid_transaction(
            f"rlp: non-canonical integer (leading zero bytes), decoding {name}"
        )
    return int.from_bytes(encoded, "big")


def _callee(field: Any) -> bytes | None:
    to = _string(field, "to")
    if len(to) not in (0, _ADDRESS_BYTES):
        raise invalid_transaction("rlp: input string has a wrong size for an address")
    return to or None


def _access_list(field: Any) -> AccessList:
    if isinstance(field, bytes):
        raise invalid_transaction("rlp: expected List, decoding field accessList")
    entries = []
    for entry in field:
        if isinstance(entry, bytes) or len(entry) != 2 or isinstance(entry[1], bytes):
            raise invalid_transaction("rlp: an entry of accessList is an address and its slots")
        address, slots = _string(entry[0], "accessList"), entry[1]
        words = [_string(slot, "accessList") for slot in slots]
        if len(address) != _ADDRESS_BYTES or any(len(word) != _WORD_BYTES for word in words):
            raise invalid_transaction("rlp: accessList has a string of a wrong size")
        entries.append((address, tuple(int.from_bytes(word, "big") for word in words)))
    return tuple(entries)

"""What evidence binds: the 64 bytes of a report, and the digests that an enclave's key signs.

A report has room for 64 bytes of the workload's choice. What is not hashed into them can be
swapped, so they cover the whole statement, the verifier's nonce and the key that answers; a key
quote covers the key alone, in a form that a contract can take apart. `docs/formats/tee-payload.md`
defines the digests of reports and statements, `docs/formats/attestation-registry.md` that of a
registration.
"""

from __future__ import annotations

import hashlib

from verifiable.errors import InvalidInput
from verifiable.statement.abi import word
from verifiable.statement.hashing import DIGEST_BYTES, keccak
from verifiable.statement.statement import Statement
from verifiable.statement.view import ADDRESS_BYTES

__all__ = [
    "DOMAIN_NAME",
    "DOMAIN_VERSION",
    "KEY_TAG",
    "MAX_NONCE_BYTES",
    "PUBLIC_KEY_BYTES",
    "REPORT_DATA_BYTES",
    "SIGNED_QUOTE_BYTES",
    "inference_digest",
    "is_key_report_data",
    "key_report_data",
    "possession_digest",
    "statement_report_data",
]

REPORT_DATA_BYTES = 64
PUBLIC_KEY_BYTES = 64
"""`x || y` of a secp256k1 key, big-endian."""

MAX_NONCE_BYTES = 512
KEY_TAG = b"VERIFIABLEK1"
"""Bytes 20 to 32 of a key quote's report data: no hash of a statement quote has them."""

SIGNED_QUOTE_BYTES = 632
"""Header and body of a TDX quote of version 4: what its attestation key signed."""

DOMAIN_NAME = "verifiable/tee"
DOMAIN_VERSION = "1"

_STATEMENT_LABEL = b"verifiable/tee/statement/v1"
_KEY_LABEL = keccak(b"verifiable/tee/key/v1")
_INFERENCE_TYPE = keccak(
    b"Inference(bytes32 programRoot,bytes32 inputRoot,bytes32 outputRoot,bytes32 context)"
)
_REGISTER_KEY_TYPE = keccak(
    b"RegisterKey(address key,bytes32 platformId,bytes32 quoteDigest,uint64 deadline)"
)
_BARE_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version)")
_CHAIN_DOMAIN_TYPE = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


def statement_report_data(statement: Statement, nonce: bytes, key: bytes) -> bytes:
    """Report data of a quote that stands for one statement.

    SHA-512 over the length-prefixed label, the 128 bytes of the statement, nonce and key.

    Args:
        statement: what the enclave computed.
        nonce: the verifier's own, at most 512 bytes; empty if there was none.
        key: the enclave's public key, 64 bytes `x || y`; empty if no key signs answers.

    Raises:
        InvalidInput: a length is none of these.
    """
    _check_nonce(nonce)
    if len(key) not in (0, PUBLIC_KEY_BYTES):
        raise InvalidInput(
            f"a public key is {PUBLIC_KEY_BYTES} bytes or none, not {len(key)}",
            where="key",
            code="bad-key",
        )
    claim = (
        statement.program_root + statement.input_root + statement.output_root + statement.context
    )
    parts = (_STATEMENT_LABEL, claim, nonce, key)
    return hashlib.sha512(b"".join(map(_prefixed, parts))).digest()


def key_report_data(
    address: bytes, *, chain_id: int = 0, registry: bytes = bytes(ADDRESS_BYTES), challenge: bytes
) -> bytes:
    """Report data of a quote that stands for a key: its address first, as contracts want it.

    Args:
        address: of the enclave's secp256k1 key, 20 bytes.
        chain_id, registry: where the key is to be registered; 0 and the zero address off chain.
        challenge: 32 bytes: a recent block's hash, or off chain the verifier's nonce (zeros if it
            had none).

    Raises:
        InvalidInput: a length or the chain's id does not fit.
    """
    for name, value, size in (
        ("address", address, ADDRESS_BYTES),
        ("registry", registry, ADDRESS_BYTES),
        ("challenge", challenge, DIGEST_BYTES),
    ):
        if len(value) != size:
            raise InvalidInput(f"not {size} bytes", where=name, code="bad-digest")
    if not 0 <= chain_id < 1 << 64:
        raise InvalidInput(f"{chain_id} is not the id of a chain", where="chain_id")
    bound = keccak(
        _KEY_LABEL + word(chain_id) + _address_word(registry) + _address_word(address) + challenge
    )
    return address + KEY_TAG + bound


def is_key_report_data(report_data: bytes) -> bool:
    """Whether 64 bytes have the form of a key quote's, which no statement quote has."""
    return report_data[ADDRESS_BYTES:DIGEST_BYTES] == KEY_TAG


def inference_digest(
    statement: Statement, *, chain_id: int | None = None, registry: bytes | None = None
) -> bytes:
    """What an enclave's key signs for a statement: an EIP-712 digest, 32 bytes.

    Args:
        statement: its context binds the use.
        chain_id, registry: put into the domain if both are given; else it has name and version
            only, so that one signature serves every verifier.

    Raises:
        InvalidInput: one of the two is given without the other, or does not fit.
    """
    if (chain_id is None) != (registry is None):
        raise InvalidInput("a domain has a chain and a contract, or neither", where="chain_id")
    if chain_id is None or registry is None:
        domain = keccak(_BARE_DOMAIN_TYPE + _domain_name())
    else:
        domain = _chain_domain(chain_id, registry)
    message = keccak(
        _INFERENCE_TYPE
        + statement.program_root
        + statement.input_root
        + statement.output_root
        + statement.context
    )
    return keccak(b"\x19\x01" + domain + message)


def possession_digest(
    address: bytes,
    *,
    chain_id: int,
    registry: bytes,
    platform_id: bytes,
    quote_digest: bytes,
    deadline: int,
) -> bytes:
    """What an enclave's key signs to be registered: EIP-712 `RegisterKey`, 32 bytes.

    Args:
        address: of the key, 20 bytes.
        chain_id, registry: where it is to be registered.
        platform_id: of the machine that made the quote, as the registry names it, 32 bytes.
        quote_digest: SHA-256 of the quote's first `SIGNED_QUOTE_BYTES`.
        deadline: last second in which the signature counts, since 1970.

    Raises:
        InvalidInput: a length or a number does not fit.
    """
    for name, value, size in (
        ("address", address, ADDRESS_BYTES),
        ("platform_id", platform_id, DIGEST_BYTES),
        ("quote_digest", quote_digest, DIGEST_BYTES),
    ):
        if len(value) != size:
            raise InvalidInput(f"not {size} bytes", where=name, code="bad-digest")
    if not 0 <= deadline < 1 << 64:
        raise InvalidInput(f"{deadline} is no time on a chain", where="deadline")
    message = keccak(
        _REGISTER_KEY_TYPE + _address_word(address) + platform_id + quote_digest + word(deadline)
    )
    return keccak(b"\x19\x01" + _chain_domain(chain_id, registry) + message)


def _domain_name() -> bytes:
    return keccak(DOMAIN_NAME.encode("ascii")) + keccak(DOMAIN_VERSION.encode("ascii"))


def _chain_domain(chain_id: int, registry: bytes) -> bytes:
    """Separator of the domain of one contract on one chain."""
    if len(registry) != ADDRESS_BYTES or not 0 < chain_id < 1 << 64:
        raise InvalidInput("not a chain and the address of a contract", where="registry")
    return keccak(_CHAIN_DOMAIN_TYPE + _domain_name() + word(chain_id) + _address_word(registry))


def _check_nonce(nonce: bytes) -> None:
    if len(nonce) > MAX_NONCE_BYTES:
        raise InvalidInput(
            f"a nonce is at most {MAX_NONCE_BYTES} bytes, not {len(nonce)}",
            where="nonce",
            hint="take 32 random bytes",
            code="bad-nonce",
        )


def _prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(8, "little") + data


def _address_word(address: bytes) -> bytes:
    return bytes(DIGEST_BYTES - ADDRESS_BYTES) + address

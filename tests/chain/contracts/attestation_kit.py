"""Registries on a chain whose clock can be moved, and enclaves that ask to be registered there."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

from eth_keys.datatypes import PrivateKey
from quote_prefix import KEY_TAG, QuotePrefix, binding, p256, point

from verifiable.backends.tee.binding import possession_digest
from verifiable.chain.accounts import KeySigner
from verifiable.chain.client import Chain
from verifiable.chain.contracts.attestation_registry import AttestationRegistry, Terms
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.chain.transaction import Receipt
from verifiable.statement.hashing import keccak

OWNER = KeySigner(DEV_ACCOUNTS[0].private_key)
MALLORY = KeySigner(DEV_ACCOUNTS[1].private_key)

HOUR_S = 3600
DAY_S = 24 * HOUR_S

MINIMUM = bytes.fromhex("06010300000000000000000000000000")
PPID = bytes(range(16))
PROGRAM, OTHER_PROGRAM = keccak(b"program"), keccak(b"another program")
INPUT, OUTPUT, CONTEXT = keccak(b"input"), keccak(b"output"), keccak(b"context")

TERMS = Terms(owner=OWNER.address, delay_s=HOUR_S, svn=MINIMUM, qe_svn=6)


def inference_digest(
    program: bytes = PROGRAM,
    input_root: bytes = INPUT,
    output: bytes = OUTPUT,
    context: bytes = CONTEXT,
) -> bytes:
    """EIP-712, written again."""
    domain = keccak(
        keccak(b"EIP712Domain(string name,string version)")
        + keccak(b"verifiable/tee")
        + keccak(b"1")
    )
    kind = keccak(
        b"Inference(bytes32 programRoot,bytes32 inputRoot,bytes32 outputRoot,bytes32 context)"
    )
    return keccak(b"\x19\x01" + domain + keccak(kind + program + input_root + output + context))


def signed(key: PrivateKey, digest: bytes) -> bytes:
    """65 bytes `r s v`."""
    signature = key.sign_msg_hash(digest)
    return (
        signature.r.to_bytes(32, "big")
        + signature.s.to_bytes(32, "big")
        + bytes((27 + signature.v,))
    )


def twin(signature: bytes) -> bytes:
    """The other signature that anyone can make of one."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes((55 - signature[64],))


@dataclass(frozen=True)
class Request:
    """What is sent to have a key registered."""

    quote: bytes
    platform_id: bytes
    block: int
    deadline: int
    pop: bytes


@dataclass
class Enclave:
    """A key, and quotes of the machine that holds it."""

    key: PrivateKey = field(default_factory=lambda: PrivateKey(secrets.token_bytes(32)))

    @property
    def address(self) -> bytes:
        return self.key.public_key.to_canonical_address()

    def answer(self, **parts: bytes) -> bytes:
        """A signature of a statement's digest."""
        return signed(self.key, inference_digest(**parts))


class Stage:
    """A registry with a platform of each worth and one workload, on a chain with a clock."""

    def __init__(self, chain: Chain, terms: Terms = TERMS) -> None:
        self.chain = chain
        self.terms = terms
        self.registry = AttestationRegistry.deploy(chain, OWNER, terms)
        x, y = self.pck = point(p256("pck"))
        until = chain.block().time_s + 20 * DAY_S
        for hardware in (True, False):
            self.govern("registerPlatform", x, y, PPID, until, hardware)
        self.hardware, self.simulated = (
            self.registry.platform_id_of(x, y, PPID, hardware) for hardware in (True, False)
        )
        self.workload = QuotePrefix(report_data=bytes(64)).workload
        self.govern("setWorkload", self.workload, PROGRAM)

    def pass_time(self, seconds: int) -> None:
        now = self.chain.block().time_s
        self.chain._node.ask("evm_setNextBlockTimestamp", [now + seconds])
        self.chain._node.ask("evm_mine", [])

    def govern(self, name: str, *arguments: object) -> Receipt:
        """Announce a call, wait, make it."""
        self.registry.schedule(OWNER, self.registry.action(name, *arguments))
        self.pass_time(self.terms.delay_s)
        return self.registry.contract.send(OWNER, name, *arguments)

    def prefix(self, enclave: Enclave, **changes) -> tuple[QuotePrefix, int]:
        """A key quote for this registry, and the number of the block that it binds."""
        block = self.chain.block()
        bound = binding(self.chain.chain_id, self.registry.address, enclave.address, block.hash)
        report_data = enclave.address + KEY_TAG + bound
        return QuotePrefix(report_data=report_data, **changes), block.number

    def request(
        self, enclave: Enclave, *, hardware: bool = True, quote: bytes | None = None, **changes
    ) -> Request:
        """Everything that registers a key, for a good quote or a given one."""
        prefix, number = self.prefix(enclave, **changes)
        data = prefix.data if quote is None else quote
        platform_id = self.hardware if hardware else self.simulated
        deadline = self.chain.block().time_s + HOUR_S
        digest = possession_digest(
            enclave.address,
            chain_id=self.chain.chain_id,
            registry=self.registry.address,
            platform_id=platform_id,
            quote_digest=prefix.digest if quote is None else digest_of(quote),
            deadline=deadline,
        )
        return Request(
            quote=data,
            platform_id=platform_id,
            block=number,
            deadline=deadline,
            pop=signed(enclave.key, digest),
        )

    def send(self, request: Request) -> Receipt:
        return self.registry.register_key(
            MALLORY,  # anyone may
            request.quote,
            request.platform_id,
            request.block,
            request.deadline,
            request.pop,
        )

    def registered(self, *, hardware: bool = True) -> Enclave:
        """An enclave whose key counts."""
        enclave = Enclave()
        self.send(self.request(enclave, hardware=hardware))
        return enclave

    def verify(self, signature: bytes, program: bytes = PROGRAM) -> tuple[bytes, bool]:
        return self.registry.verify_inference(program, INPUT, OUTPUT, CONTEXT, signature)


def digest_of(quote: bytes) -> bytes:
    """What the attestation key signed of a quote."""
    return hashlib.sha256(quote[:632]).digest()

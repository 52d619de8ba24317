"""Write `attestation_registry.json`: quotes, signatures and digests that the registry must take.

    python tests/vectors/make_attestations.py

One quote is the simulator's, one is made by hand from the layout; both bind the address that a
registry of these terms has on every chain. The same file is checked by the contract itself, in
forge (`contracts/test/tee/AttestationVectors.t.sol`), and on the embedded chain and anvil
(`tests/chain/contracts/test_attestation_vectors.py`). A change of the contract moves its address,
so the file has to be written again.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "chain" / "contracts"))

from attestation_kit import CONTEXT, INPUT, OUTPUT, PROGRAM, Enclave, digest_of, signed  # noqa: E402
from eth_keys.datatypes import PrivateKey  # noqa: E402
from quote_prefix import PREFIX_BYTES, QuotePrefix, p256, point  # noqa: E402

from verifiable.backends.tee.binding import (  # noqa: E402
    inference_digest,
    key_report_data,
    possession_digest,
)
from verifiable.backends.tee.simulator import builtin  # noqa: E402
from verifiable.backends.tee.simulator.tdx import TdxIssuer  # noqa: E402
from verifiable.chain.contracts.attestation_registry import Terms  # noqa: E402
from verifiable.statement.hashing import keccak  # noqa: E402
from verifiable.statement.statement import Statement  # noqa: E402
from verifiable.statement.strict_json import encode_hex  # noqa: E402

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY_S = 24 * 3600
CHAIN_ID = 31337
BLOCK = 1000
CHALLENGE = keccak(b"the hash of a block")
TERMS = Terms(
    owner=bytes(19) + b"\x0a",
    delay_s=DAY_S,
    svn=bytes.fromhex("06010300000000000000000000000000"),
    qe_svn=6,
)
STATEMENT = Statement(program_root=PROGRAM, input_root=INPUT, output_root=OUTPUT, context=CONTEXT)


def platform_id_of(x: bytes, y: bytes, ppid: bytes, hardware: bool) -> bytes:
    """keccak-256 of four words."""
    return keccak(x + y + ppid + bytes(16) + bytes(31) + bytes((hardware,)))


def key_vector(name: str) -> dict[str, object]:
    """A key quote, what surrounds it, and an answer."""
    enclave = Enclave(PrivateKey(keccak(f"enclave of {name}".encode())))
    report_data = key_report_data(
        enclave.address, chain_id=CHAIN_ID, registry=TERMS.address, challenge=CHALLENGE
    )
    sample = QuotePrefix(report_data=report_data)
    if name == "simulator":
        authority = builtin.authority(NOW)
        numbers = authority.pck.key.public_key().public_numbers()
        x, y = (value.to_bytes(32, "big") for value in (numbers.x, numbers.y))
        ppid, hardware = authority.platform.ppid, False
        quote = TdxIssuer(authority).quote(
            mrtd=sample.mrtd, rtmrs=sample.rtmrs, report_data=report_data
        )[:PREFIX_BYTES]
    else:
        x, y = point(p256("pck"))
        ppid, hardware = bytes(range(16)), True
        quote = sample.data
    platform_id = platform_id_of(x, y, ppid, hardware)
    deadline = int(NOW.timestamp()) + 3 * DAY_S
    possession = possession_digest(
        enclave.address,
        chain_id=CHAIN_ID,
        registry=TERMS.address,
        platform_id=platform_id,
        quote_digest=digest_of(quote),
        deadline=deadline,
    )
    answer = inference_digest(STATEMENT)
    return {
        "name": name,
        "pck_x": encode_hex(x),
        "pck_y": encode_hex(y),
        "ppid": encode_hex(ppid),
        "hardware": hardware,
        "platform_id": encode_hex(platform_id),
        "quote_prefix": encode_hex(quote),
        "workload": encode_hex(sample.workload),
        "key": encode_hex(enclave.address),
        "deadline": deadline,
        "possession_digest": encode_hex(possession),
        "pop": encode_hex(signed(enclave.key, possession)),
        "inference_digest": encode_hex(answer),
        "signature": encode_hex(signed(enclave.key, answer)),
    }


def vectors() -> dict[str, object]:
    return {
        "about": "golden vectors of docs/formats/attestation-registry.md",
        "generator": "tests/vectors/make_attestations.py",
        "checkers": [
            "contracts/test/tee/AttestationVectors.t.sol",
            "tests/chain/contracts/test_attestation_vectors.py",
        ],
        "chain_id": CHAIN_ID,
        "owner": encode_hex(TERMS.owner),
        "delay_s": TERMS.delay_s,
        "svn": encode_hex(TERMS.svn),
        "qe_svn": TERMS.qe_svn,
        "registry": encode_hex(TERMS.address),
        "time_s": int(NOW.timestamp()),
        "until": int(NOW.timestamp()) + 20 * DAY_S,
        "challenge_block": BLOCK,
        "challenge": encode_hex(CHALLENGE),
        "statement": {
            "program_root": encode_hex(PROGRAM),
            "input_root": encode_hex(INPUT),
            "output_root": encode_hex(OUTPUT),
            "context": encode_hex(CONTEXT),
        },
        "keys": [key_vector(name) for name in ("simulator", "made by hand")],
    }


if __name__ == "__main__":
    path = HERE / "attestation_registry.json"
    path.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8")

"""Write `evm_precompiles.json`: inputs of every precompile, with what anvil makes of them.

    python tests/vectors/make_evm_precompiles.py

Outputs and gas are anvil's (an independent implementation, in Rust) under the rules of Osaka;
signatures over secp256r1 are judged by `cryptography` (OpenSSL) as well, and the two must agree.
The same inputs come out of every run. A diff after a run with the same anvil is a bug.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import ckzg
from eth.precompiles.point_evaluation import TRUSTED_SETUP_PATH
from eth_keys import keys
from py_ecc import bls12_381, bn128

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "chain")]

from curve_cases import (  # noqa: E402
    additions,
    bls_pairing,
    ecadd,
    ecmul,
    g1_points,
    g2_points,
    map_fp,
    map_fp2,
    multiplications,
    pairing,
)
from p256_cases import Case, openssl_accepts, p256, words  # noqa: E402
from precompile_probe import PROBE, PROBE_CODE, outcome, question  # noqa: E402
from reference_node import Rpc, anvil_if_any, reference_node  # noqa: E402

SEED = 7951
SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def ecrecover(rng: random.Random) -> Iterator[Case]:
    key = keys.PrivateKey(rng.randbytes(32))
    seen = set()
    while len(seen) < 2:
        digest = rng.randbytes(32)
        v, r, s = (signature := key.sign_msg_hash(digest)).vrs
        if v not in seen:
            seen.add(v)
            yield f"signature with v = {v + 27}", digest + words(v + 27, r, s)
    good = digest + words(v + 27, r, s)
    assert signature.verify_msg_hash(digest, key.public_key)
    yield "upper s, which the precompile takes", digest + words(28 - v, r, SECP256K1_N - s)
    yield "other digest", bytes(32) + good[32:]
    yield "v = 26", digest + words(26, r, s)
    yield "v = 29", digest + words(29, r, s)
    yield "v = 27 with a high bit", digest + words(v + 27 + 2**200, r, s)
    yield "r = 0", digest + words(v + 27, 0, s)
    yield "s = 0", digest + words(v + 27, r, 0)
    yield "r = n", digest + words(v + 27, SECP256K1_N, s)
    yield "s = n", digest + words(v + 27, r, SECP256K1_N)
    yield "r is no coordinate of a point", digest + words(27, 5, s)
    yield "all ones", b"\xff" * 128
    yield "empty", b""
    yield "short", good[:100]
    yield "long", good + b"\xff" * 40


def hashed(rng: random.Random) -> Iterator[Case]:
    yield "empty", b""
    yield "abc", b"abc"
    for size in (31, 32, 33, 64, 1000):
        yield f"{size} bytes", rng.randbytes(size)


def modexp(rng: random.Random) -> Iterator[Case]:
    def case(base: bytes, exponent: bytes, modulus: bytes) -> bytes:
        return words(len(base), len(exponent), len(modulus)) + base + exponent + modulus

    yield "3 ** 5 mod 7", case(b"\3", b"\5", b"\7")
    yield "empty", b""
    yield "lengths only", words(1, 1, 1)
    yield "cut in the lengths", words(1, 1)[:50]
    yield "cut in the modulus", case(b"\3", b"\5", b"\7" * 8)[:-5]
    yield "trailing bytes", case(b"\3", b"\5", b"\7") + b"\xff" * 9
    yield "modulus 0", case(b"\3", b"\5", bytes(4))
    yield "modulus 1", case(b"\3", b"\5", b"\1")
    yield "no modulus", case(b"\3", b"\5", b"")
    yield "no base", case(b"", b"\5", b"\7")
    yield "no base, exponent 0", case(b"", b"\0", b"\7")
    yield "no base, no exponent", case(b"", b"", b"\7")
    yield "no exponent", case(b"\3", b"", b"\7")
    yield "no base, no modulus", case(b"", b"\5", b"")
    yield "no base, no modulus, exponent of 64 bytes", case(b"", b"\xff" * 64, b"")
    yield "base 0", case(b"\0", b"\5", b"\7")
    yield "base longer than modulus", case(rng.randbytes(96), b"\3", rng.randbytes(32))
    yield (
        "inversion modulo the order of BN254",
        case(words(3), words(bn128.curve_order - 2), words(bn128.curve_order)),
    )
    yield "32 bytes each", case(*(rng.randbytes(32) for _ in range(3)))
    yield "modulus of 33 bytes", case(rng.randbytes(32), rng.randbytes(32), rng.randbytes(33))
    yield "modulus of 40 bytes", case(rng.randbytes(40), rng.randbytes(4), rng.randbytes(40))
    yield "exponent of 33 bytes", case(rng.randbytes(8), rng.randbytes(33), rng.randbytes(8))
    yield "exponent of 33 bytes, head 0", case(b"\3", bytes(32) + b"\x05", b"\xfb")
    yield "exponent of 33 bytes, head 1", case(b"\3", bytes(31) + b"\1\5", b"\xfb")
    yield "exponent of 512 bits", case(rng.randbytes(32), rng.randbytes(64), rng.randbytes(32))
    yield "RSA-2048", case(rng.randbytes(256), b"\1\0\1", rng.randbytes(255) + b"\1")
    yield "even modulus of 2048 bits", case(rng.randbytes(256), b"\3", rng.randbytes(255) + b"\0")
    yield "1024 bytes, square", case(rng.randbytes(1024), b"\2", rng.randbytes(1024))
    yield "exponent of 1024 bytes", case(b"\3", rng.randbytes(1024), b"\xfb")
    yield "base of 1025 bytes", case(bytes(1025), b"\1", b"\3")
    yield "exponent of 1025 bytes", case(b"\1", bytes(1025), b"\3")
    yield "modulus of 1025 bytes", case(b"\1", b"\1", bytes(1024) + b"\3")
    yield "length 2 ** 255", words(1, 1, 2**255)
    yield "length 2 ** 64 + 1", words(2**64 + 1, 1, 1)
    yield "price above the gas given", case(rng.randbytes(1024), rng.randbytes(32), b"\xff" * 1024)


def blake2f(rng: random.Random) -> Iterator[Case]:
    state, message, offsets = rng.randbytes(64), rng.randbytes(128), rng.randbytes(16)
    body = state + message + offsets
    abc = bytes.fromhex(
        "48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5"
        "d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b"
    )
    yield (
        "twelve rounds, EIP-152",
        ((12).to_bytes(4, "big") + abc + b"abc".ljust(128, b"\0") + b"\3" + bytes(15) + b"\1"),
    )
    for rounds in (0, 1, 10, 300):
        yield f"{rounds} rounds, last block", rounds.to_bytes(4, "big") + body + b"\1"
    yield "not the last block", (12).to_bytes(4, "big") + body + b"\0"
    yield "flag 2", (12).to_bytes(4, "big") + body + b"\2"
    yield "short", (12).to_bytes(4, "big") + body
    yield "long", (12).to_bytes(4, "big") + body + b"\1\0"
    yield "empty", b""
    yield "more rounds than gas", b"\xff" * 4 + body + b"\1"


def point_evaluation(rng: random.Random) -> Iterator[Case]:
    setup = ckzg.load_trusted_setup(TRUSTED_SETUP_PATH, 0)
    order = bls12_381.curve_order
    blob = b"".join(words(rng.randrange(order)) for _ in range(4096))
    commitment = ckzg.blob_to_kzg_commitment(blob, setup)
    z = words(rng.randrange(order))
    proof, y = ckzg.compute_kzg_proof(blob, z, setup)
    digest = b"\1" + hashlib.sha256(commitment).digest()[1:]
    good = digest + z + y + commitment + proof
    infinity = b"\xc0" + bytes(47)
    zero_digest = b"\1" + hashlib.sha256(infinity).digest()[1:]
    yield "true claim", good
    yield "zero polynomial", zero_digest + z + bytes(32) + infinity * 2
    yield "wrong value", digest + z + words(1) + commitment + proof
    yield "wrong point", digest + words(1) + y + commitment + proof
    yield "wrong proof", digest + z + y + commitment + infinity
    yield "wrong hash", bytes(32) + good[32:]
    yield "hash of version 2", b"\2" + good[1:]
    yield "value above the order", digest + z + words(int.from_bytes(y, "big") + order) + good[96:]
    yield "point above the order", digest + words(int.from_bytes(z, "big") + order) + good[64:]
    yield "proof is no point", good[:144] + b"\xff" * 48
    yield "empty", b""
    yield "short", good[:-1]
    yield "long", good + b"\0"


def groups(rng: random.Random) -> Iterator[tuple[int, str, Iterator[Case]]]:
    yield 1, "ECRECOVER", ecrecover(rng)
    yield 2, "SHA256", hashed(rng)
    yield 3, "RIPEMD160", hashed(rng)
    yield 4, "IDENTITY", hashed(rng)
    yield 5, "MODEXP", modexp(rng)
    yield 6, "ECADD", ecadd(rng)
    yield 7, "ECMUL", ecmul(rng)
    yield 8, "ECPAIRING", pairing(rng)
    yield 9, "BLAKE2F", blake2f(rng)
    yield 10, "POINT_EVALUATION", point_evaluation(rng)
    yield 11, "BLS12_G1ADD", additions(*g1_points(rng))
    yield 12, "BLS12_G1MSM", multiplications(*g1_points(rng))
    yield 13, "BLS12_G2ADD", additions(*g2_points(rng))
    yield 14, "BLS12_G2MSM", multiplications(*g2_points(rng))
    yield 15, "BLS12_PAIRING_CHECK", bls_pairing(rng)
    yield 16, "BLS12_MAP_FP_TO_G1", map_fp(rng)
    yield 17, "BLS12_MAP_FP2_TO_G2", map_fp2(rng)
    yield 256, "P256VERIFY", p256(rng)


def mined(rpc: Rpc, transaction: str) -> dict[str, str]:
    while (receipt := rpc("eth_getTransactionReceipt", transaction)) is None:
        time.sleep(0.01)
    return receipt


def vector(rpc: Rpc, address: int, name: str, case: str, data: bytes) -> dict[str, object]:
    sender = rpc("eth_accounts")[0]
    message = {
        "from": sender,
        "to": f"0x{PROBE.hex()}",
        "data": f"0x{question(address, data).hex()}",
        "gas": hex(1 << 24),
    }
    found = outcome(bytes.fromhex(rpc("eth_call", message, "latest")[2:]))
    receipt = mined(rpc, rpc("eth_sendTransaction", message))
    assert receipt["status"] == "0x1", case
    if name == "P256VERIFY":
        assert bool(found.output) == openssl_accepts(data), case
    return {
        "precompile": name,
        "address": address,
        "case": case,
        "input": f"0x{data.hex()}",
        "ok": found.ok,
        "output": f"0x{found.output.hex()}",
        "gas": found.gas,
        "transactionGas": int(receipt["gasUsed"], 16),
    }


def main() -> None:
    binary = anvil_if_any()
    if binary is None:
        raise SystemExit("anvil is needed: set ANVIL to its path")
    version = subprocess.run(
        [binary, "--version"], capture_output=True, text=True, check=True
    ).stdout.split()
    rng = random.Random(SEED)
    vectors = []
    with reference_node(binary) as rpc:
        rpc("anvil_setCode", f"0x{PROBE.hex()}", f"0x{PROBE_CODE.hex()}")
        for address, name, cases in groups(rng):
            vectors += [vector(rpc, address, name, case, data) for case, data in cases]
    document = {
        "provenance": {
            "generator": "tests/vectors/make_evm_precompiles.py",
            "outputsAndGas": f"anvil {version[2]} --hardfork osaka",
            "secp256r1": "each also judged by cryptography (OpenSSL)",
            "seed": SEED,
        },
        "probe": f"0x{PROBE_CODE.hex()}",
        "vectors": vectors,
    }
    (HERE / "evm_precompiles.json").write_text(json.dumps(document, indent=1) + "\n")
    print(f"{len(vectors)} vectors")


if __name__ == "__main__":
    main()

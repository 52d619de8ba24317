"""Every precompile answers, and charges, as an independent implementation does."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from engine_samples import block, message
from precompile_probe import GIVEN_GAS, PROBE, PROBE_CODE, Outcome, outcome, question
from reference_node import anvil_if_any, reference_node

from verifiable.chain.modexp import read_modexp
from verifiable.chain.osaka import OsakaComputation
from verifiable.chain.p256 import FIELD, GENERATOR, ORDER, is_signed
from verifiable.chain.pyevm_engine import PyEvmEngine

DOCUMENT = json.loads(
    (Path(__file__).parents[1] / "vectors" / "evm_precompiles.json").read_text("utf-8")
)
VECTORS = DOCUMENT["vectors"]
CANNOT_FAIL = {"SHA256", "RIPEMD160", "IDENTITY"}


@pytest.fixture(scope="module")
def engine() -> PyEvmEngine:
    made = PyEvmEngine({})
    made.place(PROBE, PROBE_CODE)
    return made


def expected(vector: dict[str, object]) -> Outcome:
    return Outcome(
        ok=bool(vector["ok"]),
        gas=int(str(vector["gas"])),
        output=bytes.fromhex(str(vector["output"])[2:]),
    )


def asked(engine: PyEvmEngine, address: int, data: bytes) -> tuple[Outcome, int]:
    result = engine.call(
        block(), message(to=PROBE, data=question(address, data), gas_limit=1 << 24)
    )
    assert result.ok, result.halt
    return outcome(result.output), result.gas_used


@pytest.mark.parametrize(
    "vector", VECTORS, ids=[f"{vector['precompile']}: {vector['case']}" for vector in VECTORS]
)
def test_vector(engine: PyEvmEngine, vector: dict[str, object]) -> None:
    data = bytes.fromhex(str(vector["input"])[2:])
    found, transaction_gas = asked(engine, int(str(vector["address"])), data)
    assert found == expected(vector)
    assert transaction_gas == vector["transactionGas"]


def test_the_vectors_use_this_probe() -> None:
    assert DOCUMENT["probe"] == f"0x{PROBE_CODE.hex()}"


def test_every_precompile_has_vectors_good_and_bad() -> None:
    present = {int.from_bytes(address, "big") for address in OsakaComputation.get_precompiles()}
    assert {vector["address"] for vector in VECTORS} == present == {*range(1, 18), 0x100}
    for name in {vector["precompile"] for vector in VECTORS}:
        mine = [vector for vector in VECTORS if vector["precompile"] == name]
        assert any(vector["ok"] and vector["output"] != "0x" for vector in mine), name
        refused = [vector for vector in mine if not vector["ok"] or vector["output"] == "0x"]
        assert name in CANNOT_FAIL or len(refused) >= 2, name


def test_a_failed_call_uses_all_its_gas() -> None:
    failed = [vector for vector in VECTORS if not vector["ok"]]
    assert len(failed) > 50
    assert {vector["gas"] for vector in failed} == {GIVEN_GAS}


def test_anvil_still_answers_so() -> None:
    ask_anvil([vector for vector in VECTORS if vector["precompile"] != "POINT_EVALUATION"])


@pytest.mark.slow  # anvil, too, first reads the ceremony's points for seconds
def test_anvil_still_answers_so_on_point_evaluation() -> None:
    ask_anvil([vector for vector in VECTORS if vector["precompile"] == "POINT_EVALUATION"])


def ask_anvil(vectors: list[dict[str, str]]) -> None:
    binary = anvil_if_any()
    if binary is None:
        pytest.skip("anvil is not installed: the stored answers are not asked for again")
    assert len(vectors) > 10
    with reference_node(binary) as rpc:
        rpc("anvil_setCode", f"0x{PROBE.hex()}", f"0x{PROBE_CODE.hex()}")
        for vector in vectors:
            data = question(int(vector["address"]), bytes.fromhex(vector["input"][2:]))
            call = {"to": f"0x{PROBE.hex()}", "data": f"0x{data.hex()}", "gas": hex(1 << 24)}
            answer = outcome(bytes.fromhex(rpc("eth_call", call, "latest")[2:]))
            assert answer == expected(vector), vector["case"]


def signed_by_openssl(
    rng: random.Random, secret: int | None = None
) -> tuple[int, int, int, int, int]:
    key = ec.derive_private_key(secret or rng.randrange(1, ORDER), ec.SECP256R1())
    digest = rng.randbytes(32)
    signature = key.sign(digest, ec.ECDSA(utils.Prehashed(SHA256())))
    public = key.public_key().public_numbers()
    return int.from_bytes(digest, "big"), *utils.decode_dss_signature(signature), public.x, public.y


def test_p256_takes_what_openssl_signs_and_nothing_beside_it() -> None:
    rng = random.Random(256)
    for _ in range(40):
        signed = signed_by_openssl(rng)
        assert is_signed(*signed)
        for place in range(5):
            altered = list(signed)
            altered[place] ^= 1 << rng.randrange(256)
            assert not is_signed(*altered), place


@pytest.mark.parametrize("place", range(1, 5))
@pytest.mark.parametrize("value", [0, -1, ORDER, FIELD, 2**256])
def test_p256_takes_no_number_out_of_range(place: int, value: int) -> None:
    signed = list(signed_by_openssl(random.Random(1)))
    signed[place] = value
    assert not is_signed(*signed)


def test_p256_reduces_nothing_that_it_should_refuse() -> None:
    digest, r, s, x, y = signed_by_openssl(random.Random(2))
    assert is_signed(digest, r, s, x, y)
    assert is_signed(digest + ORDER, r, s, x, y)  # a digest is any 256 bits
    assert not is_signed(digest, r + ORDER, s, x, y)
    assert not is_signed(digest, r, s + ORDER, x, y)
    assert not is_signed(digest, r, s, x + FIELD, y)
    assert not is_signed(digest, r, s, x, y + FIELD)
    assert not is_signed(digest, r, s, x, y - FIELD)


@pytest.mark.parametrize("secret", [1, 2, ORDER - 1, ORDER - 2])
def test_p256_adds_keys_that_meet_the_generator(secret: int) -> None:
    """The sum of G and K is a doubling for the first, and the point at infinity for -G."""
    assert is_signed(*signed_by_openssl(random.Random(3), secret))


def test_p256_doubles_where_both_terms_meet() -> None:
    # the key is the generator, and u = v: u G + v K is a doubling at every step
    u = 12345
    doubled = ec.derive_private_key(2 * u, ec.SECP256R1()).public_key().public_numbers()
    r = doubled.x % ORDER
    s = r * pow(u, -1, ORDER) % ORDER
    assert is_signed(u * s % ORDER, r, s, *GENERATOR)


def modexp_input(base: bytes, exponent: bytes, modulus: bytes) -> bytes:
    parts = (base, exponent, modulus)
    return b"".join(len(part).to_bytes(32, "big") for part in parts) + b"".join(parts)


@pytest.mark.parametrize(
    ("base", "exponent", "gas"),
    [
        (b"\1" * 32, b"\1", 500),  # the minimum
        (b"\1" * 32, b"\xff" * 32, 16 * 255),  # complexity 16 up to 32 bytes
        (b"\1" * 33, b"\xff" * 32, 2 * 5 * 5 * 255),  # 2 * words^2 above
        (b"\1", b"\1" + bytes(32), 16 * (16 + 248)),  # 16 for each byte of the exponent beyond 32
        (b"\1", bytes(32) + b"\1", 500),
        (b"\1" * 1024, b"\xff" * 1024, 2 * 128 * 128 * (16 * 992 + 255)),
    ],
)
def test_modexp_price_is_that_of_eip_7883(base: bytes, exponent: bytes, gas: int) -> None:
    operands = read_modexp(modexp_input(base, exponent, b"\7"))
    assert operands is not None
    assert operands.gas == gas


def test_modexp_limit_is_that_of_eip_7823() -> None:
    for place in range(3):
        parts = [b"\1", b"\1", b"\3"]
        parts[place] = b"\1" * 1024
        assert read_modexp(modexp_input(*parts)) is not None
        parts[place] = b"\1" * 1025
        assert read_modexp(modexp_input(*parts)) is None


def test_modexp_is_pow() -> None:
    rng = random.Random(5)
    for _ in range(50):
        parts = [rng.randbytes(rng.randrange(1, 50)) for _ in range(3)]
        base, exponent, modulus = (int.from_bytes(part, "big") for part in parts)
        operands = read_modexp(modexp_input(*parts))
        assert operands is not None
        power = pow(base, exponent, modulus) if modulus else 0
        assert operands.result() == power.to_bytes(len(parts[2]), "big")

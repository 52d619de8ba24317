"""Contracts that stand where they should, and those that do not."""

from __future__ import annotations

from typing import Any

import pytest
import rlp
from faulty_provider import FaultyProvider, changed, error, honest, result
from small_contracts import ECHO, artifact, entry

from verifiable.chain.accounts import KeySigner
from verifiable.chain.artifact import load_artifact
from verifiable.chain.client import Chain, TxOptions
from verifiable.chain.contract import Contract
from verifiable.chain.deployment import create2_address, create_address
from verifiable.errors import ChainError, Reverted
from verifiable.statement.hashing import keccak

REGISTRY = load_artifact("ModelRegistry")
NOWHERE = b"\x99" * 20
PROGRAM = (1, 10, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32, b"schema")
KEYS = [(b"abcd", b"\x05" * 32)]


@pytest.fixture
def registry(any_chain: Chain, signer: KeySigner) -> Contract:
    deployment = any_chain.deploy(signer, REGISTRY)
    return any_chain.contract(REGISTRY, deployment.address, code_hash=REGISTRY.code_hash)


def test_an_address_without_code_is_refused(any_chain: Chain) -> None:
    assert any_chain.call(NOWHERE, b"\x12\x34\x56\x78") == b""  # a node does not mind
    with pytest.raises(ChainError) as caught:
        any_chain.contract(REGISTRY, NOWHERE)
    assert caught.value.code == "no-code"


def test_another_contract_is_refused(registry: Contract) -> None:
    with pytest.raises(ChainError) as caught:
        registry.chain.contract(artifact("Echo"), registry.address)
    assert caught.value.code == "other-code"
    with pytest.raises(ChainError) as caught:
        registry.chain.contract(REGISTRY, registry.address, code_hash=bytes(32))
    assert caught.value.code == "other-code"


@pytest.mark.parametrize("place", [0, 1, -1])
def test_one_changed_byte_is_another_contract(
    provider: FaultyProvider, chain: Chain, place: int
) -> None:
    code = bytearray(REGISTRY.runtime)
    provider.always("eth_getCode", result(f"0x{code.hex()}"))
    assert chain.contract(REGISTRY, NOWHERE)
    code[place] ^= 1
    provider.always("eth_getCode", result(f"0x{code.hex()}"))
    with pytest.raises(ChainError) as caught:
        chain.contract(REGISTRY, NOWHERE)
    assert caught.value.code == "other-code"


def test_immutables_may_have_any_value(provider: FaultyProvider, chain: Chain) -> None:
    held = artifact("Held", immutableReferences={"7": [{"start": 1, "length": 2}]})
    assert held.code_hash is None
    for value in (b"\x00\x00", b"\xff\x01"):
        code = ECHO[:1] + value + ECHO[3:]
        provider.always("eth_getCode", result(f"0x{code.hex()}"))
        assert chain.contract(held, NOWHERE, code_hash=keccak(code))
    provider.always("eth_getCode", result(f"0x{(code + b'0').hex()}"))
    with pytest.raises(ChainError) as caught:
        chain.contract(held, NOWHERE)
    assert caught.value.code == "other-code"


def test_the_registry_through_the_client(registry: Contract, signer: KeySigner) -> None:
    assert registry.call("version") == "1.0.0"
    plan = registry.plan(signer.address, "registerModel", PROGRAM, KEYS, False, "u")
    assert plan.call == "ModelRegistry.registerModel"
    assert plan.arguments["uri"] == "u"
    assert plan.arguments["program"] == PROGRAM
    before = registry.chain.block().number
    receipt = registry.send(signer, "registerModel", PROGRAM, KEYS, False, "u")
    assert receipt.block_number == before + 1
    assert receipt.gas_used <= plan.gas
    events = registry.events("ModelRegistered", from_block=0)
    assert [event.log for event in events] == list(receipt.logs[:1])
    assert registry.events_in(receipt, "ModelRegistered") == events
    arguments = events[0].arguments
    assert list(arguments) == ["recordId", "registrant", "programRoot", "program", "uri"]
    assert arguments["registrant"] == signer.address
    assert arguments["recordId"] == keccak(signer.address + arguments["programRoot"])
    record = registry.call("recordOf", arguments["recordId"])
    assert record[0] == signer.address
    assert record[1] == receipt.block_number
    assert registry.call("exists", arguments["recordId"]) is True
    assert registry.call("exists", arguments["recordId"], block=before) is False
    assert registry.call("keyOf", arguments["recordId"], b"abcd") == b"\x05" * 32


def test_events_by_their_indexed_arguments(registry: Contract, signer: KeySigner) -> None:
    registry.send(signer, "registerModel", PROGRAM, KEYS, False, "u")
    for registrant, count in ((signer.address, 1), (NOWHERE, 0)):
        found = registry.events("ModelRegistered", from_block=0, filters={"registrant": registrant})
        assert len(found) == count
    with pytest.raises(ChainError) as caught:
        registry.events("ModelRegistered", from_block=0, filters={"uri": "u"})
    assert caught.value.code == "unknown-member"


def test_a_struct_may_be_a_mapping(registry: Contract) -> None:
    names = ("specVersion", "leafLog2", "graphRoot", "weightsRoot", "tablesRoot", "schema")
    mapping = dict(reversed(list(zip(names, PROGRAM, strict=True))))
    assert registry.encode("registerModel", mapping, KEYS, True, "") == registry.encode(
        "registerModel", PROGRAM, KEYS, True, ""
    )
    name, arguments = registry.decode_call(registry.encode("registerModel", mapping, [], True, ""))
    assert (name, arguments["program"], arguments["keys"]) == ("registerModel", PROGRAM, ())


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (b"\x01" * 31,),
        (b"\x01" * 33,),
        ("0x" + "11" * 32,),
        (7,),
        (b"\x01" * 32, b"\x01" * 32),
        (None,),
    ],
)
def test_arguments_that_do_not_fit(registry: Contract, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ChainError) as caught:
        registry.call("recordOf", *arguments)
    assert caught.value.code == "bad-arguments"


@pytest.mark.parametrize(
    "program",
    [
        PROGRAM[:5],
        (*PROGRAM, 1),
        (-1, *PROGRAM[1:]),
        (1 << 16, *PROGRAM[1:]),
        {"specVersion": 1},
        7,
    ],
)
def test_a_struct_that_does_not_fit(registry: Contract, program: Any) -> None:
    with pytest.raises(ChainError) as caught:
        registry.encode("registerModel", program, KEYS, False, "")
    assert caught.value.code == "bad-arguments"


def test_a_function_that_does_not_exist(registry: Contract) -> None:
    for wrong in (lambda: registry.call("nothing"), lambda: registry.decode_call(b"\x00" * 4)):
        with pytest.raises(ChainError) as caught:
            wrong()
        assert caught.value.code == "unknown-member"


def test_overloaded_functions_go_by_signature(chain: Chain, signer: KeySigner) -> None:
    twice = [
        entry("function", "f", "uint256", outputs=[]),
        entry("function", "f", "bool", outputs=[]),
    ]
    shape = artifact("Twice", twice)
    contract = chain.contract(shape, chain.deploy(signer, shape).address)
    with pytest.raises(ChainError) as caught:
        contract.call("f", 1)
    assert caught.value.code == "unknown-member"
    assert contract.call("f(uint256)", 1) is None
    assert contract.encode("f(bool)", True) != contract.encode("f(uint256)", 1)


@pytest.mark.parametrize(
    "data", [b"", bytes(31), b"\xff" * 64, bytes(31) + b"\x20" + b"\xff" * 32, bytes(31) + b"\x02"]
)
def test_a_result_of_other_types(provider: FaultyProvider, chain: Chain, data: bytes) -> None:
    provider.always("eth_getCode", result(f"0x{REGISTRY.runtime.hex()}"))
    provider.always("eth_call", result(f"0x{data.hex()}"))
    registry = chain.contract(REGISTRY, NOWHERE)
    for name, arguments in (("version", ()), ("recordOf", (bytes(32),))):
        with pytest.raises(ChainError) as caught:
            registry.call(name, *arguments)
        assert caught.value.code == "undecodable"


def test_an_event_that_does_not_decode(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    registry = chain.contract(REGISTRY, chain.deploy(signer, REGISTRY).address)
    registry.send(signer, "registerModel", PROGRAM, KEYS, False, "u")
    honest = chain._node.ask("eth_getLogs", [{"fromBlock": "0x0"}])[0]
    cases = [
        (honest | {"data": "0x"}, "undecodable"),
        (honest | {"data": "0x" + "ff" * 64}, "undecodable"),
        (honest | {"topics": honest["topics"][:1]}, "bad-answer"),
        (
            honest | {"topics": [*honest["topics"][:2], "0x" + "ff" * 32, "0x" + "00" * 32]},
            "undecodable",
        ),
    ]
    for changed_log, code in cases:
        provider.always("eth_getLogs", result([changed_log]))
        with pytest.raises(ChainError) as caught:
            registry.events("ModelRegistered", from_block=0)
        assert caught.value.code == code


# --- deploying


def test_the_address_of_a_deployment(any_chain: Chain, signer: KeySigner) -> None:
    for nonce in (0, 1):
        deployment = any_chain.deploy(signer, REGISTRY)
        assert deployment.address == create_address(signer.address, nonce)
        assert any_chain.code(deployment.address) == REGISTRY.runtime


@pytest.mark.parametrize(
    ("nonce", "address"),
    [
        (0, "333c3310824b7c685133f2bedb2ca4b8b4df633d"),
        (1, "8bda78331c916a08481428e4b07c96d3e916d165"),
        (2, "c9ddedf451bc62ce88bf9292afb13df35b670699"),
    ],
)
def test_known_addresses_of_deployments(nonce: int, address: str) -> None:
    # https://github.com/ethereum/go-ethereum, crypto/crypto_test.go
    sender = bytes.fromhex("970e8128ab834e8eac17ab8e3812f010678cf791")
    assert create_address(sender, nonce) == bytes.fromhex(address)


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**64 - 2])
def test_addresses_follow_rlp(nonce: int) -> None:
    sender = b"\x12" * 20
    assert create_address(sender, nonce) == keccak(rlp.encode([sender, nonce]))[12:]


def test_known_addresses_by_create2() -> None:
    # the examples of EIP-1014
    assert create2_address(bytes(20), bytes(32), b"\x00").hex() == (
        "4d1a2e2bb4f88f0250f26ffff098b0b30b26bf38"
    )
    creator, code = bytes.fromhex("00000000000000000000000000000000deadbeef"), b"\xde\xad\xbe\xef"
    salt = bytes(28) + bytes.fromhex("cafebabe")
    assert create2_address(creator, salt, code).hex() == "60f3f640a8508fc6a86d45df051962668e1e8ac7"


def test_a_deterministic_deployment(
    any_chain: Chain, signer: KeySigner, other_signer: KeySigner
) -> None:
    plan = any_chain.plan_deployment(signer.address, REGISTRY, salt=bytes(32))
    first = any_chain.deploy_deterministic(signer, REGISTRY)
    assert first.receipt is not None
    assert first.receipt.gas_used <= plan.gas
    again = any_chain.deploy_deterministic(other_signer, REGISTRY)
    assert again.receipt is None
    assert again.address == first.address
    other = any_chain.deploy_deterministic(signer, REGISTRY, salt=b"\x01" * 32)
    assert other.address != first.address
    assert any_chain.contract(REGISTRY, other.address).call("version") == "1.0.0"


def test_a_chain_without_the_deployment_proxy(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    for code in ("0x", "0x00"):
        provider.plan("eth_getCode", result("0x"), result(code))
        with pytest.raises(ChainError) as caught:
            chain.deploy_deterministic(signer, REGISTRY)
        assert caught.value.code == "no-deployment-proxy"
    assert provider.count("eth_sendRawTransaction") == 0


def test_a_deployment_that_leaves_no_code(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    provider.always("eth_getCode", result("0x"))
    with pytest.raises(ChainError) as caught:
        chain.deploy(signer, REGISTRY)
    assert caught.value.code == "no-code"
    provider.always("eth_getCode", result("0x00"))
    with pytest.raises(ChainError) as caught:
        chain.deploy(signer, REGISTRY)
    assert caught.value.code == "other-code"


def test_a_deterministic_deployment_that_leaves_no_code(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    for code, failure in (("0x", "no-code"), ("0x00", "other-code")):
        # nothing there yet, the deployment proxy, and then what stands there afterwards
        salt = b"\x01" * 32 if code == "0x" else b"\x02" * 32
        provider.plan("eth_getCode", honest, honest, result(code))
        with pytest.raises(ChainError) as caught:
            chain.deploy_deterministic(signer, REGISTRY, salt=salt)
        assert caught.value.code == failure


def test_another_contract_at_the_deterministic_address(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    provider.plan("eth_getCode", result("0x00"))
    with pytest.raises(ChainError) as caught:
        chain.deploy_deterministic(signer, REGISTRY)
    assert caught.value.code == "other-code"
    assert provider.count("eth_sendRawTransaction") == 0


def test_a_deployment_at_another_address(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    provider.always("eth_getTransactionReceipt", changed(contractAddress="0x" + "99" * 20))
    with pytest.raises(ChainError) as caught:
        chain.deploy(signer, REGISTRY)
    assert caught.value.code == "bad-answer"


def test_a_deployment_that_fails(chain: Chain, signer: KeySigner) -> None:
    with pytest.raises(Reverted) as caught:
        chain.deploy(signer, REGISTRY, options=TxOptions(gas_limit=200_000))
    assert caught.value.transaction is not None
    with pytest.raises(ChainError) as caught:
        chain.deploy(signer, REGISTRY, 7)
    assert caught.value.code == "bad-arguments"


def test_a_deployment_that_is_not_waited_for(chain: Chain, signer: KeySigner) -> None:
    deployment = chain.deploy(signer, REGISTRY, options=TxOptions(wait=False))
    assert deployment.receipt is not None
    assert deployment.receipt.pending
    assert chain.contract(REGISTRY, deployment.address)


# --- blocks


def test_blocks_by_number_and_tag(any_chain: Chain, signer: KeySigner) -> None:
    any_chain.send(signer, to=NOWHERE, data=b"")
    latest = any_chain.block("latest")
    assert any_chain.block(latest.number) == latest
    assert any_chain.block("finalized").number <= latest.number
    with pytest.raises(ChainError) as caught:
        any_chain.block(latest.number + 5)
    assert caught.value.code == "no-such-block"
    assert any_chain.storage(NOWHERE, 0) == 0


@pytest.mark.parametrize(
    "fault",
    [result(None), error(-32000, "finalized block not found"), error(-39001, "Unknown block")],
)
def test_a_chain_without_finality(provider: FaultyProvider, chain: Chain, fault: Any) -> None:
    provider.always("eth_getBlockByNumber", fault)
    with pytest.raises(ChainError) as caught:
        chain.block("finalized")
    assert caught.value.code == "no-finalized-block"


def test_a_block_of_a_proof_of_authority_chain(provider: FaultyProvider, chain: Chain) -> None:
    provider.plan("eth_getBlockByNumber", changed(extraData="0x" + "00" * 97))
    assert chain.block("latest").number == 0
    provider.always("eth_getBlockByNumber", changed(extraData="0x" + "00" * 97))
    assert chain.plan(NOWHERE, to=NOWHERE, data=b"").gas == 25_200


def test_what_a_transaction_asked_for(
    any_chain: Chain, registry: Contract, signer: KeySigner
) -> None:
    receipt = registry.send(signer, "registerModel", PROGRAM, KEYS, False, "u")
    sent = any_chain.sent(receipt.transaction_hash)
    assert sent is not None
    assert (sent.sender, sent.to, sent.value) == (signer.address, registry.address, 0)
    name, arguments = registry.decode_call(sent.data)
    assert (name, arguments["uri"]) == ("registerModel", "u")
    assert any_chain.sent(b"\x99" * 32) is None


@pytest.mark.parametrize("member", ["hash", "from", "to", "value"])
def test_a_node_that_tells_of_another_transaction(
    provider: FaultyProvider, chain: Chain, signer: KeySigner, member: str
) -> None:
    receipt = chain.send(signer, to=signer.address, data=b"")
    assert chain.sent(receipt.transaction_hash) is not None
    provider.always("eth_getTransactionByHash", changed(**{member: "0x"}))
    with pytest.raises(ChainError) as caught:
        chain.sent(receipt.transaction_hash)
    assert caught.value.code == "bad-answer"

"""Why a contract refused, from data that anybody may have written."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from eth_abi.abi import encode
from faulty_provider import FaultyProvider, error
from hypothesis import given
from hypothesis import strategies as st
from small_contracts import ECHO_REVERT, artifact, entry, initcode_for

from verifiable.chain.abi import entries_of
from verifiable.chain.accounts import KeySigner
from verifiable.chain.artifact import artifact_names, load_artifact
from verifiable.chain.client import Chain
from verifiable.chain.reverts import (
    EMPTY_REVERT,
    PANICS,
    decode_revert,
    error_table,
    shipped_errors,
)
from verifiable.errors import ChainError, Reverted
from verifiable.statement.hashing import keccak

TO = bytes.fromhex("00000000000000000000000000000000000a11ce")


def selector(signature: str) -> bytes:
    return keccak(signature.encode())[:4]


def reason(text: str) -> bytes:
    return selector("Error(string)") + encode(["string"], [text])


def panic(code: int) -> bytes:
    return selector("Panic(uint256)") + encode(["uint256"], [code])


@pytest.fixture
def echo(any_chain: Chain, signer: KeySigner) -> bytes:
    """Address of a contract that reverts with what it is called with."""
    receipt = any_chain.send(signer, to=None, data=initcode_for(ECHO_REVERT))
    assert receipt.contract_address is not None
    return receipt.contract_address


def test_no_two_errors_of_our_contracts_share_a_selector() -> None:
    assert artifact_names()
    signatures = {
        item.signature
        for name in artifact_names()
        for item in entries_of(load_artifact(name), "error")
    }
    assert len(signatures) >= 7
    for first, second in combinations(sorted(signatures), 2):
        assert selector(first) != selector(second), (first, second)
    assert set(shipped_errors()) == {selector(text) for text in signatures} | {
        selector("Error(string)"),
        selector("Panic(uint256)"),
    }


def test_two_errors_with_one_selector_are_refused() -> None:
    # both hash to 0x42966c68
    clash = ("burn(uint256)", "collate_propagate_storage(bytes16)")
    assert selector(clash[0]) == selector(clash[1])
    first = artifact("First", [entry("error", "burn", "uint256")])
    second = artifact("Second", [entry("error", "collate_propagate_storage", "bytes16")])
    with pytest.raises(ChainError) as caught:
        error_table([first, second])
    assert caught.value.code == "selector-clash"
    assert all(text in str(caught.value) for text in clash)
    assert error_table([first, first])


@pytest.mark.parametrize("code", [*PANICS, 0x99])
def test_panics_have_a_meaning(code: int) -> None:
    found = decode_revert(panic(code))
    assert found.name == "Panic"
    assert found.arguments == {"code": code}
    assert PANICS.get(code, "a code that Solidity does not define") in found.text


def test_reverts_on_a_chain(any_chain: Chain, echo: bytes) -> None:
    record = b"\x07" * 32
    caller = b"\x0c" * 20
    cases: list[tuple[bytes, str, dict[str, Any], str]] = [
        (reason("too late"), "Error", {"message": "too late"}, "too late"),
        (panic(0x11), "Panic", {"code": 0x11}, "overflow"),
        (b"", "", {}, EMPTY_REVERT),
        (b"\x01\x02\x03\x04rest", "", {}, "no known contract declares: 0x01020304"),
        (b"\x01", "", {}, "0x01, 1 bytes"),
        (
            selector("ModelRegistry_NotRegistrant(bytes32,address)") + record + bytes(12) + caller,
            "ModelRegistry_NotRegistrant",
            {"recordId": record, "caller": caller},
            f"ModelRegistry_NotRegistrant(recordId=0x{record.hex()}, caller=0x{caller.hex()})",
        ),
    ]
    for data, name, arguments, text in cases:
        with pytest.raises(Reverted) as caught:
            any_chain.call(echo, data)
        failure = caught.value
        assert (failure.name, failure.arguments, failure.data) == (name, arguments, data)
        assert text in str(failure)
        assert failure.transaction is None


@pytest.mark.parametrize(
    "data",
    [
        selector("Error(string)"),
        selector("Error(string)") + bytes(31),
        selector("Error(string)") + b"\xff" * 64,
        selector("Error(string)") + encode(["uint256", "uint256"], [32, 2**255]),
        selector("Panic(uint256)") + bytes(31),
        selector("ModelRegistry_NotRegistrant(bytes32,address)") + bytes(32),
        selector("ModelRegistry_NotRegistrant(bytes32,address)") + b"\xff" * 64,
    ],
    ids=len,
)
def test_data_that_does_not_fit_its_error(data: bytes) -> None:
    found = decode_revert(data)
    assert found.name == ""
    assert "does not fit" in found.text
    assert found.data == data


def test_a_reason_that_is_not_text_is_shown_as_far_as_it_is() -> None:
    found = decode_revert(selector("Error(string)") + encode(["bytes"], [b"\xff\xfe not text"]))
    assert found.name == "Error"
    assert found.arguments == {"message": "\ufffd\ufffd not text"}


def test_a_reason_that_is_not_padded() -> None:
    data = selector("Error(string)") + encode(["uint256", "uint256"], [32, 3]) + b"odd"
    for tail in (b"", b"\xff" * 29):
        assert decode_revert(data + tail).arguments == {"message": "odd"}


def test_a_reason_is_shown_cut_and_printable() -> None:
    found = decode_revert(reason("\x1b[2J\u202e" + "x" * 100_000))
    assert len(found.text) < 1000
    assert found.text.isprintable()
    assert len(found.arguments["message"]) == 100_005
    assert decode_revert(reason("")).text == "an empty reason"


@given(
    head=st.sampled_from([*shipped_errors(), b""]),
    tail=st.lists(
        st.sampled_from([bytes(32), b"\xff" * 32, (32).to_bytes(32, "big"), b"\x01"])
        | st.binary(max_size=40),
        max_size=6,
    ),
)
def test_any_data_gives_a_reason(head: bytes, tail: list[bytes]) -> None:
    data = head + b"".join(tail)
    found = decode_revert(data)
    assert found.data == data
    assert found.text.isprintable()
    assert len(found.text) < 1000


def test_errors_of_other_contracts_can_be_learned(chain: Chain, signer: KeySigner) -> None:
    receipt = chain.send(signer, to=None, data=initcode_for(ECHO_REVERT))
    own = artifact("Own", [entry("error", "Own_Late", "uint256")], runtime=ECHO_REVERT)
    data = selector("Own_Late(uint256)") + encode(["uint256"], [9])
    address = receipt.contract_address or b""
    with pytest.raises(Reverted) as caught:
        chain.call(address, data)
    assert caught.value.name == ""
    chain.contract(own, address)
    with pytest.raises(Reverted) as caught:
        chain.call(address, data)
    assert (caught.value.name, caught.value.arguments) == ("Own_Late", {"a": 9})


def test_a_learned_error_cannot_pass_for_another(chain: Chain) -> None:
    chain.learn_errors(artifact("First", [entry("error", "burn", "uint256")]))
    with pytest.raises(ChainError) as caught:
        chain.learn_errors(
            artifact("Second", [entry("error", "collate_propagate_storage", "bytes16")])
        )
    assert caught.value.code == "selector-clash"


HEX = f"0x{reason('no').hex()}"


@pytest.mark.parametrize(
    "fault",
    [
        error(3, "execution reverted: no", HEX),
        error(-32000, "execution reverted", HEX),
        error(-32015, "VM execution error.", f"Reverted {HEX}"),
        error(-32603, "Internal JSON-RPC error.", {"data": HEX, "message": "revert"}),
        error(-32000, "something", HEX),
    ],
)
def test_nodes_put_the_data_in_several_places(
    provider: FaultyProvider, chain: Chain, fault: Any
) -> None:
    provider.always("eth_call", fault)
    with pytest.raises(Reverted) as caught:
        chain.call(TO, b"")
    assert (caught.value.name, caught.value.arguments) == ("Error", {"message": "no"})


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (error(-32000, "execution reverted"), "reverted"),
        (error(-32000, "out of gas"), "reverted"),
        (error(3, "execution reverted", 7), "reverted"),
        (error(3, "execution reverted", "0xzz"), "bad-answer"),
        (error(3, "execution reverted", "0x" + "00" * (1 << 21)), "bad-answer"),
        (error(-32000, "internal error", "see https://docs.example/0x12"), "request-refused"),
        (error(-32601, "no such method"), "request-refused"),
    ],
)
def test_nodes_that_say_less(provider: FaultyProvider, chain: Chain, fault: Any, code: str) -> None:
    provider.always("eth_call", fault)
    with pytest.raises(ChainError) as caught:
        chain.call(TO, b"")
    assert caught.value.code == code
    assert isinstance(caught.value, Reverted) == (code == "reverted")

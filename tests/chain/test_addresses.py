"""Addresses at the border: the vectors of EIP-55, and what is refused."""

from __future__ import annotations

import pytest

from verifiable.chain.addresses import checksummed, parse_address
from verifiable.errors import InvalidInput

EIP_55 = (
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
)


@pytest.mark.parametrize("text", EIP_55)
def test_the_vectors_of_eip_55(text: str) -> None:
    assert checksummed(bytes.fromhex(text[2:])) == text
    assert parse_address(text) == bytes.fromhex(text[2:])


@pytest.mark.parametrize("text", EIP_55[4:])
def test_one_case_alone_carries_no_checksum(text: str) -> None:
    expected = bytes.fromhex(text[2:])
    assert parse_address("0x" + text[2:].lower()) == expected
    assert parse_address("0x" + text[2:].upper()) == expected


@pytest.mark.parametrize("text", EIP_55[4:])
def test_a_wrong_checksum_is_refused(text: str) -> None:
    place = next(index for index in range(2, 42) if text[index].isalpha())
    mistyped = text[:place] + text[place].swapcase() + text[place + 1 :]
    with pytest.raises(InvalidInput) as caught:
        parse_address(mistyped)
    assert caught.value.code == "bad-address"
    assert "checksum" in caught.value.what


@pytest.mark.parametrize(
    "text",
    ["", "0x", "0x" + "1" * 39, "0x" + "1" * 41, "1" * 40, "0X" + "1" * 40, "0x" + "g" * 40,
     " 0x" + "1" * 40, "0x" + "1" * 40 + "\n", "vitalik.eth", "0x" + "١" * 40],
)  # fmt: skip
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_address(text)
    assert caught.value.code == "bad-address"


@pytest.mark.parametrize(
    "text", ["0x" + "4c" * 32, "4c" * 32, "https://user:4c4c4c4c@node.example/4c4c4c4c/0x12"]
)
def test_what_may_be_a_secret_is_not_shown(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_address(text)
    assert "4c4c" not in str(caught.value)


def test_a_mistyped_address_is_shown() -> None:
    with pytest.raises(InvalidInput, match="'0x1234' is not an address"):
        parse_address("0x1234")


def test_an_address_is_20_bytes() -> None:
    with pytest.raises(InvalidInput):
        checksummed(bytes(32))

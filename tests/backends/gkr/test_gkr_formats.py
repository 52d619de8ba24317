"""The pages about the gkr backend's bytes say what the code does."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType

import pytest

from verifiable.backends.base import Options
from verifiable.backends.gkr.backend import GkrBackend
from verifiable.backends.gkr.format import GkrKey, Payload
from verifiable.backends.gkr.vk import KEY_FORMAT, VerificationKey
from verifiable.circuits.samples import SAMPLES
from verifiable.errors import MalformedProof
from verifiable.statement.hashing import keccak
from verifiable.statement.strict_json import encode_canonical

ROOT = Path(__file__).parents[3]
PAYLOAD_PAGE = (ROOT / "docs" / "formats" / "gkr-payload.md").read_text(encoding="utf-8")
KEY_PAGE = (ROOT / "docs" / "formats" / "gkr-key.md").read_text(encoding="utf-8")


def block(page: str, language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return str(found)


def example_key() -> bytes:
    return encode_canonical(json.loads(block(KEY_PAGE, "json")))


def test_the_example_payload_decodes() -> None:
    data = base64.b64decode("".join(block(PAYLOAD_PAGE, "payload").split()), validate=True)
    assert Payload.decode(data) == Payload(
        weights="committed", vk=b"{}", ranges=b"ranges", proof=b"messages"
    )
    assert bytes.fromhex(block(PAYLOAD_PAGE, "")) == data


@pytest.mark.parametrize("page", [PAYLOAD_PAGE, KEY_PAGE], ids=["payload", "key"])
def test_the_pages_name_every_code_of_reading(page: str) -> None:
    name, code_in = ("format", "payload") if page is PAYLOAD_PAGE else ("vk", "not-canonical")
    source = (ROOT / "verifiable" / "backends" / "gkr" / f"{name}.py").read_text()
    codes = {code for code in re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source) if code_in in code}
    assert codes
    for code in codes:
        assert f"`{code}`" in page, code


def test_the_example_key_is_that_of_the_program(tmp_path: Path) -> None:
    options = Options(cache_dir=tmp_path, settings=MappingProxyType({"weights": "committed"}))
    setup = GkrBackend().setup(SAMPLES["MatMul"]["plain"], options)
    assert example_key() == (setup.folder / "vk.json").read_bytes()
    assert VerificationKey.decode(example_key()).encode() == example_key()
    assert {path.name for path in setup.folder.iterdir()} - {"manifest.json"} == set(
        re.findall(r"`([a-z]+\.(?:json|bin))`", KEY_PAGE)
    )


def test_the_page_lists_every_member_of_a_key() -> None:
    document = json.loads(example_key())
    assert f"`{KEY_FORMAT}`" in KEY_PAGE
    assert set(document) - {"format"} == {entry.name for entry in fields(VerificationKey)} - {
        "product_reach"
    }
    for member in document:
        assert re.search(rf"^\| `{member}(\[\]\.\w+)?` \| ", KEY_PAGE, re.MULTILINE), member
    for listed, names in (("nodes", document["nodes"][0]), ("constants", document["constants"][0])):
        for name in names:
            assert f"\n| `{listed}[].{name}` | " in KEY_PAGE


def test_the_example_fields_are_those_of_the_example_key() -> None:
    shown, _, digest = block(KEY_PAGE, "fields").rpartition("digest ")
    key = GkrKey.from_fields(json.loads(shown)).to_key()
    assert dict(key.fields) == dict(GkrKey.of(example_key(), "committed").to_key().fields)
    for name in key.fields:
        assert f"\n| `{name}` | " in KEY_PAGE
    # Once more as the page puts it.
    vk = keccak(b"verifiable/gkr-vk/v1\0" + example_key())
    assert json.loads(shown)["vk"] == vk.hex()
    pinned = keccak(b"verifiable/gkr-key/v1\0" + b"\x05" + b"1.0.0" + b"\x00" + vk)
    assert key.digest == pinned == bytes.fromhex(digest.strip().removeprefix("0x"))


def test_another_text_of_the_same_key_is_refused() -> None:
    spaced = json.dumps(json.loads(example_key()), sort_keys=True).encode() + b"\n"
    with pytest.raises(MalformedProof) as refused:
        VerificationKey.decode(spaced)
    assert refused.value.code == "not-canonical"

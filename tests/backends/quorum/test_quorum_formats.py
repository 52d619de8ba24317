"""Files of quorums: one encoding each, and strict reading."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from quorum_case import SECRETS, honest, member, proven, quorum

from verifiable.backends.quorum.format import (
    Payload,
    bitmap_of,
    message_of,
    signers_in,
)
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.keystore import lock_secret, read_keystore, write_private
from verifiable.backends.quorum.members import Member
from verifiable.backends.quorum.onchain import evidence_of
from verifiable.backends.quorum.points import FIELD_PRIME, NotAPoint, read_g1
from verifiable.backends.quorum.signing import combine, require_possession, sign_statement
from verifiable.errors import (
    AccountError,
    InvalidInput,
    MalformedFile,
    MalformedProof,
    ProvingError,
    ResourceLimit,
)
from verifiable.statement.hashing import keccak
from verifiable.statement.statement import ProgramRoot, Statement, TensorRoot

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "quorum.json").read_text())

# Made by another implementation (staking-deposit-cli); the password is `test`.
FOREIGN = (
    '{"crypto": {"kdf": {"function": "scrypt", "params": {"dklen": 32, "n": 262144, "r": 8, '
    '"p": 1, "salt": "b304b4590787ca795e4d9b4b0d15789063899db8fc0a9bc55739a5c7c4fc046e"}, '
    '"message": ""}, "checksum": {"function": "sha256", "params": {}, "message": '
    '"ab4a1de483a5b93c93aeaa6e5cae0603c8cdc8105be4581c52dcc48895e2aa98"}, "cipher": {"function": '
    '"aes-128-ctr", "params": {"iv": "36738842a9bfe988c385475314bb5ecb"}, "message": '
    '"c154a583e467cdf3e6010b65fcb96308e591bde8caca4b4df805ecd0d1809b0e"}}, "description": "", '
    '"pubkey": "8666389c3fe6ff0bca9adba81504f380b9e2c719419760d561836472fafe295cb50696524e19cba084'
    'e1d788d66c80d6", "path": "m/12381/3600/0/0/0", "uuid": '
    '"296e52b6-deee-4302-b970-9fce9f7269ac", "version": 4}'
)


def vector_statement() -> Statement:
    found = {name: bytes.fromhex(text[2:]) for name, text in VECTORS["statement"].items()}
    return Statement(
        program_root=ProgramRoot(found["program_root"]),
        input_root=TensorRoot(found["input_root"]),
        output_root=TensorRoot(found["output_root"]),
        context=found["context"],
    )


def test_the_vectors_key_and_evidence() -> None:
    told = VECTORS["quorum"]
    key = QuorumKey.from_fields(told["fields"])
    assert key.preimage.hex() == told["preimage"][2:]
    assert key.digest.hex() == told["key_digest"][2:]
    assert key.digest == keccak(b"verifiable/quorum-key/v1\x00" + key.preimage)
    proof = replace(proven(), payload=told["payload"].encode())
    assert evidence_of(proof, key.to_key()).hex() == told["proof"][2:]
    assert vector_statement().digest.hex() == VECTORS["statement"]["digest"][2:]


def test_what_is_signed() -> None:
    assert message_of(b"\x01" * 32, b"\x02" * 32) == (
        b"verifiable/quorum/v1" + b"\x01" * 32 + b"\x02" * 32
    )


@pytest.mark.parametrize(
    ("signers", "count", "bits"),
    [
        ((), 1, "00"),
        ((0, 2), 3, "05"),
        ((7,), 8, "80"),
        ((8,), 9, "0001"),
        (range(32), 32, "ff" * 4),
    ],
)
def test_bitmaps(signers: tuple[int, ...], count: int, bits: str) -> None:
    assert bitmap_of(signers, count).hex() == bits
    assert signers_in(bytes.fromhex(bits), count) == tuple(signers)


def test_files_have_one_encoding() -> None:
    key = quorum()
    partial = sign_statement(SECRETS["alder"], key, proven().statement)
    for item in (key, key.members[0], partial, Payload.decode(honest().payload)):
        data = item.encode()
        assert type(item).decode(data) == item
        for other in (data + b" ", data.replace(b":", b": ", 1), data[:-2], b""):
            with pytest.raises(MalformedFile):
                type(item).decode(other)
    with pytest.raises(MalformedProof):
        Payload.decode(b"{}")


def test_a_key_refuses_what_makes_no_quorum() -> None:
    alder, birch, _ = (member(name, secret) for name, secret in SECRETS.items())
    x, y = alder.point
    turned = replace(alder, name="twin", public_key=bytes((alder.public_key[0] ^ 0x20,))
                     + alder.public_key[1:])  # fmt: skip
    assert turned.point == (x, FIELD_PRIME - y)
    backwards = tuple(reversed(quorum().members))
    for members, threshold in (
        ((), 1),
        ((alder, birch), 0),
        ((alder, birch), 3),
        ((alder, replace(alder, name="twin")), 1),
        ((alder, turned), 1),
        ((alder, replace(birch, name="alder")), 1),
    ):
        with pytest.raises(MalformedFile) as caught:
            QuorumKey.of(members, threshold)
        assert caught.value.code == "malformed-quorum"
    with pytest.raises(MalformedFile):
        QuorumKey(threshold=2, members=backwards)


def test_a_locks_fields_are_read_strictly() -> None:
    fields = dict(quorum().to_key().fields)
    assert QuorumKey.from_fields(fields) == quorum()
    for changed in (
        {**fields, "threshold": "02"},
        {**fields, "threshold": "0"},
        {**fields, "version": "1.0.1"},
        {**fields, "extra": "1"},
        {name: text for name, text in fields.items() if name != "member_02"},
        {**fields, "member_01": fields["member_01"].upper()},
        {**fields, "member_01": fields["member_02"], "member_02": fields["member_01"]},
        {**fields, "member_01": fields["member_01"] + "00"},
    ):
        with pytest.raises(MalformedFile):
            QuorumKey.from_fields(changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xc0" + bytes(47),
        lambda data: bytes((data[0] & 0x7F,)) + data[1:],
        lambda data: data[:-1],
        lambda data: (int.from_bytes(data, "big") + FIELD_PRIME).to_bytes(48, "big"),
        lambda data: b"\x80" + bytes(46) + b"\x01",
    ],
)
def test_public_keys_have_one_encoding(change) -> None:
    with pytest.raises(NotAPoint):
        read_g1(change(_small_key()))


def _small_key() -> bytes:
    """A key whose coordinate leaves room for the prime on top of it."""
    return quorum().members[0].public_key


def test_names_stay_readable() -> None:
    for name in ("", " a", "a:b", "ä", "x" * 41, "a\n"):
        with pytest.raises(MalformedFile) as caught:
            replace(quorum().members[0], name=name)
        assert caught.value.code == "malformed-member"


def test_combining_refuses_what_does_not_count() -> None:
    key, statement = quorum(), proven().statement
    alder, birch = (sign_statement(SECRETS[name], key, statement) for name in ("alder", "birch"))
    assert combine(key, statement, [birch, alder]) == combine(key, statement, [alder, birch])
    other = proven(b"\x01" * 32).statement
    stranger = replace(alder, public_key=member("elm", 105).public_key)
    for partials, code in (
        ([alder], "threshold-not-met"),
        ([alder, alder], "signer-twice"),
        ([alder, replace(birch, signature=alder.signature)], "bad-partial-signature"),
        ([alder, sign_statement(SECRETS["birch"], quorum(1), statement)], "wrong-quorum"),
        ([alder, sign_statement(SECRETS["birch"], key, other)], "statement-differs"),
        ([alder, stranger], "not-a-member"),
    ):
        with pytest.raises(ProvingError) as caught:
            combine(key, statement, partials)
        assert caught.value.code == code
    with pytest.raises(InvalidInput) as refused:
        sign_statement(105, key, statement)
    assert refused.value.code == "not-a-member"


def test_making_a_quorum_asks_for_possession() -> None:
    require_possession(quorum())
    alder, birch, _ = quorum().members
    with pytest.raises(MalformedFile) as caught:
        require_possession(QuorumKey.of([alder, replace(birch, possession=alder.possession)], 1))
    assert caught.value.code == "possession-not-proven"
    assert birch.name in str(caught.value)


def test_evidence_for_a_chain_is_of_this_quorum() -> None:
    with pytest.raises(ProvingError) as caught:
        evidence_of(honest(), quorum(1).to_key())
    assert caught.value.code == "not-for-a-chain"


def test_keystores(tmp_path: Path) -> None:
    path = tmp_path / "alder.json"
    write_private(path, lock_secret(SECRETS["alder"], "pässwörd \x07", name="alder"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store = read_keystore(path)
    # control characters do not count, and letters are decomposed, by the standard
    assert store.unlock("pässwo\u0308rd ") == SECRETS["alder"]
    assert str(SECRETS["alder"]) not in repr(store)
    with pytest.raises(AccountError) as caught:
        store.unlock("password")
    assert caught.value.code == "wrong-password"
    with pytest.raises(ResourceLimit):
        write_private(path, b"")


def test_a_keystore_of_another_implementation(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    path.write_text(FOREIGN)
    store = read_keystore(path)
    assert store.unlock("test") > 0
    path.write_text(FOREIGN.replace("8666389c3fe6ff0b", "9666389c3fe6ff0b"))
    with pytest.raises(AccountError) as caught:
        read_keystore(path).unlock("test")
    assert caught.value.code == "malformed-keystore"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version": 4', '"version": 3'),
        ('"n": 262144', '"n": 262143'),
        ('"n": 262144', '"n": 1073741824'),
        ('"dklen": 32', '"dklen": 16'),
        ("aes-128-ctr", "aes-256-ctr"),
        ('"function": "scrypt"', '"function": "argon2"'),
        ('"sha256"', '"md5"'),
        ("36738842", "zz738842"),
    ],
)
def test_keystores_that_are_none(old: str, new: str, tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    assert old in FOREIGN
    path.write_text(FOREIGN.replace(old, new))
    with pytest.raises((AccountError, MalformedFile)):
        read_keystore(path)


def test_without_the_package_it_says_so() -> None:
    code = (
        "import sys; sys.modules['py_ecc'] = None\n"
        "from verifiable.backends.registry import get_backend\n"
        "from verifiable.errors import MissingDependency\n"
        "backend = get_backend('quorum')\n"
        "from verifiable.backends.quorum.curve import require_curve\n"
        "try:\n    require_curve()\n"
        "except MissingDependency as error:\n    print(error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    assert done.stdout.strip() == "pip install 'verifiable[quorum]'"


def test_member_is_a_member() -> None:
    assert isinstance(Member.decode(member("alder", 101).encode()), Member)

"""Policies and locks: strict defaults, strict reading, and nothing that passes unseen."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from statement_samples import TOY_POLICY, dense_case, dense_program, lock_of, pair_program

from verifiable.errors import MalformedFile, ResourceLimit
from verifiable.statement.hashing import ProgramRoot, StatementDigest
from verifiable.statement.lock import LOCK_FORMAT, Lock
from verifiable.statement.policy import INSECURE_ALLOWANCES, POLICY_FORMAT, Policy
from verifiable.statement.proof import Proof
from verifiable.statement.versions import parse_version

FULL = Policy(
    backends={"ezkl": "23.0.5", "toy": None},
    program_roots=frozenset({ProgramRoot(bytes(32)), ProgramRoot(b"\x01" * 32)}),
    context=bytes(range(32)),
    statement_digest=StatementDigest(b"\x02" * 32),
    allow_insecure=frozenset(INSECURE_ALLOWANCES),
    allow_saturated=True,
    minimum_soundness_bits=128,
    maximum_age_s=60,
    assurance="hardware",
)


def test_the_defaults_are_the_strict_choices() -> None:
    policy = Policy()
    assert dict(policy.backends) == {"ezkl": None, "gkr": None}
    assert policy.allow_insecure == frozenset()
    assert not policy.allow_saturated
    assert policy.minimum_soundness_bits == 100
    assert Policy.decode(json.dumps({"format": POLICY_FORMAT}).encode()) == policy


@pytest.mark.parametrize("policy", [Policy(), FULL, TOY_POLICY, Policy(program_roots=frozenset())])
def test_a_policy_is_read_back(policy: Policy, tmp_path: Path) -> None:
    data = policy.encode()
    assert Policy.decode(data) == policy
    assert Policy.decode(data).encode() == data
    path = tmp_path / "policy.json"
    path.write_bytes(data)
    assert Policy.load(path) == policy
    assert set(json.loads(data)) == {item.name for item in fields(Policy)} | {"format"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"format": "other"}, "unknown-format"),
        ({"allow_anything": True}, "unknown-key"),
        ({"backends": None}, "wrong-type"),
        ({"backends": {"ezkl": 23}}, "wrong-type"),
        ({"backends": {"ezkl": "new"}}, "bad-version"),
        ({"program_roots": ["0x"]}, "not-hex"),
        ({"program_roots": "0x"}, "wrong-type"),
        ({"context": "0x00"}, "not-hex"),
        ({"statement_digest": 0}, "wrong-type"),
        ({"allow_insecure": ["everything"]}, "unknown-allowance"),
        ({"allow_insecure": None}, "wrong-type"),
        ({"allow_saturated": None}, "wrong-type"),
        ({"allow_saturated": 1}, "wrong-type"),
        ({"minimum_soundness_bits": -1}, "out-of-bounds"),
        ({"minimum_soundness_bits": None}, "wrong-type"),
        ({"maximum_age_s": 1.5}, "number-not-canonical"),
    ],
)
def test_bad_policies_are_refused(changes: dict[str, Any], code: str) -> None:
    data = json.dumps({"format": POLICY_FORMAT, **changes}).encode()
    with pytest.raises(MalformedFile) as caught:
        Policy.decode(data)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"allow_insecure": frozenset({"everything"})}, "unknown-allowance"),
        ({"backends": {"ezkl": "1.0rc1"}}, "bad-version"),
        ({"context": b"short"}, "bad-digest"),
        ({"program_roots": frozenset({b""})}, "bad-digest"),
        ({"program_roots": bytes(32)}, "wrong-type"),
        ({"program_roots": ["0x" + "11" * 32]}, "wrong-type"),
        ({"context": "0" * 32}, "wrong-type"),
        ({"statement_digest": "0" * 32}, "wrong-type"),
        ({"allow_insecure": "local_setup"}, "wrong-type"),
        ({"backends": ["ezkl"]}, "wrong-type"),
        ({"backends": {"ezkl": 23}}, "wrong-type"),
        ({"allow_saturated": 1}, "wrong-type"),
        ({"minimum_soundness_bits": None}, "wrong-type"),
        ({"minimum_soundness_bits": "200"}, "wrong-type"),
        ({"maximum_age_s": "60"}, "wrong-type"),
        ({"assurance": 1}, "wrong-type"),
    ],
)
def test_policies_in_memory_are_checked_too(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        Policy(**arguments)
    assert caught.value.code == code


def test_lists_in_memory_become_sets() -> None:
    """Else adding an allowance to such a policy would fail far from here."""
    policy = Policy(allow_insecure=["local_setup"], program_roots=[ProgramRoot(bytes(32))])
    assert policy.allow_insecure == frozenset({"local_setup"})
    assert policy.program_roots == frozenset({bytes(32)})


def test_versions_are_compared_as_numbers() -> None:
    assert parse_version("23.0.5") == (23, 0, 5)
    assert parse_version("1.10") > parse_version("1.9")
    assert parse_version("1.0") == parse_version("1")
    for text in ("", "1.", ".1", "01", "1.0a", "v1", "1.-1", "1 ", "1\n", "1." * 9 + "1", "٣"):
        assert parse_version(text) is None


def _lock() -> Lock:
    models = (*lock_of(dense_program()).models, *lock_of(pair_program(), {"a": "b"}).models)
    return Lock(models=models)


def test_a_lock_is_read_back(tmp_path: Path) -> None:
    data = _lock().encode()
    lock = Lock.decode(data)
    assert lock.encode() == data
    path = tmp_path / "model.lock"
    path.write_bytes(data)
    assert Lock.load(path).encode() == data
    root = dense_case().proof.statement.program_root
    entry = lock.entry(root)
    assert entry is not None
    assert entry.program_root == root
    assert dict(entry.backends["toy"]) == {"name": "key"}
    assert lock.entry(bytes(32)) is None
    assert Lock.decode(json.dumps({"format": LOCK_FORMAT, "models": []}).encode()).models == ()


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("format",), "application/vnd.verifiable.lock.v2+json", "unknown-format"),
        (("models",), None, "wrong-type"),
        (("models", 0, "name"), "", "out-of-bounds"),
        (("models", 0, "name"), "a\nb", "control-character"),
        (("models", 0, "program_root"), "0x" + "11" * 32, "lock-root-mismatch"),
        (("models", 0, "program", "weights_root"), "0x" + "11" * 32, "lock-root-mismatch"),
        (("models", 0, "backends"), [], "wrong-type"),
        (("models", 0, "backends", "toy"), None, "wrong-type"),
        (("models", 0, "backends", "toy", "name"), 1, "wrong-type"),
        (("models", 0, "extra"), 1, "unknown-key"),
        (("models", 0, "backends"), {str(i): {} for i in range(65)}, "too-many"),
        (("models", 0, "backends", "toy"), {str(i): "x" for i in range(65)}, "too-many"),
    ],
)
def test_bad_locks_are_refused(path: tuple[Any, ...], value: object, code: str) -> None:
    document = json.loads(_lock().encode())
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    with pytest.raises(MalformedFile) as caught:
        Lock.decode(json.dumps(document).encode())
    assert caught.value.code == code


def test_two_entries_for_one_program_are_refused() -> None:
    models = (*lock_of(dense_program()).models, *lock_of(dense_program(), {"a": "b"}).models)
    with pytest.raises(MalformedFile) as caught:
        Lock.decode(Lock(models=models).encode())
    assert caught.value.code == "duplicate-program"


def test_files_that_are_too_large_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(ResourceLimit):
        Policy.load(path)
    with pytest.raises(MalformedFile):
        Lock.load(tmp_path / "none.lock")


def test_a_file_of_another_kind_is_named_as_what_it_is(tmp_path: Path) -> None:
    files = {
        "policy": (Policy.load, Policy().encode()),
        "lock": (Lock.load, _lock().encode()),
        "proof": (Proof.load, dense_case().proof.encode()),
    }
    for wanted, (load, _) in files.items():
        for kind, (_, data) in files.items():
            path = tmp_path / f"{kind}.json"
            path.write_bytes(data)
            if kind == wanted:
                load(path)
                continue
            with pytest.raises(MalformedFile) as caught:
                load(path)
            assert caught.value.code == "unknown-format"
            assert f"not a {wanted} file" in caught.value.what
            assert f"it is a {kind} file, version 1" in caught.value.what
            assert caught.value.where.startswith(f"{path}: ")
    for data, told in (
        (b"PK\x03\x04\xff", "an .npz archive"),
        (b"\x08\x0a\x12\xff", "an ONNX file"),
    ):
        path.write_bytes(data)
        for load, _ in files.values():
            with pytest.raises(MalformedFile, match=told):
                load(path)

"""`verifiable check`: each way to cheat is found by the check of its name."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from check_kit import (
    MODEL,
    PROOF,
    SIGNED,
    codes_of,
    flip,
    lock_of,
    pin_of,
    write_lock,
)
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from sample_models import MODELS

import verifiable
from verifiable.cli import exits
from verifiable.errors import ResourceLimit
from verifiable.integrity import programs
from verifiable.integrity.checks import INTEGRITY_CHECKS


@pytest.fixture(scope="session")
def other_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model of the same kind: the output's bias is changed."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(MODELS / "digits_mlp.onnx")
    bias = next(item for item in reversed(model.graph.initializer) if len(item.dims) == 1)
    array = numpy_helper.to_array(bias) + np.linspace(0, 40, bias.dims[0], dtype=np.float32)
    bias.CopyFrom(numpy_helper.from_array(array.astype(np.float32), bias.name))
    path = tmp_path_factory.mktemp("other") / "other.program.onnx"
    verifiable.compile(model, calibration=MODELS / "digits_calibration.npz", output=path)
    return path


Check = Callable[..., dict[str, Any]]


@pytest.fixture
def found(cli: Callable[..., Any]) -> Check:
    """Run the command; the codes of what did not pass must be these, and so must the exit code."""

    def run(code: int, expected: dict[str, str], *arguments: object) -> dict[str, Any]:
        ran = cli("check", "--json", "-q", *arguments)
        assert ran.code == code, ran.out + ran.err
        assert codes_of(ran.document) == expected
        return ran.document

    return run


@pytest.mark.parametrize("level", ["hash", "program", "golden", "proof"])
def test_an_honest_repository_passes_each_level(repository: Path, found: Check, level: str) -> None:
    document = found(exits.OK, {}, "--level", level)
    assert document["result"] == "passed"
    (model,) = document["models"]
    assert model["path"] == MODEL
    assert model["sha256"] == hashlib.sha256((repository / MODEL).read_bytes()).hexdigest()
    run = {item["id"] for item in document["checks"]}
    upto = {"hash": 5, "program": 7, "golden": 9, "proof": 11}[level]
    assert run == {f"CI-{number}" for number in range(2, upto + 1)}
    assert all(item["ok"] for item in document["checks"])


def test_ci_1_an_empty_set_never_passes(repository: Path, found: Check) -> None:
    write_lock(repository, {**lock_of(repository), "models": []})
    (repository / MODEL).unlink()
    for level in ("hash", "proof"):
        document = found(exits.UNREADABLE, {"CI-1": "nothing-to-check"}, "--level", level)
        assert document["result"] == "undecided"


def test_ci_1_a_selection_of_nothing_never_passes(repository: Path, found: Check) -> None:
    (repository / "empty").mkdir()
    found(exits.UNREADABLE, {"CI-1": "nothing-to-check"}, "empty")


@pytest.mark.parametrize(
    ("dropped", "level"),
    [(("file",), "hash"), (("golden", "accuracy"), "golden"), (("proofs",), "proof")],
)
def test_ci_1_an_entry_without_what_the_level_needs(
    repository: Path, found: Check, dropped: tuple[str, ...], level: str
) -> None:
    document = lock_of(repository)
    for key in dropped:
        del document["models"][0][key]
    write_lock(repository, document)
    if "file" in dropped:
        (repository / MODEL).unlink()
    found(exits.UNREADABLE, {"CI-1": "nothing-to-check"}, "--level", level)


def test_ci_2_a_missing_model(repository: Path, found: Check) -> None:
    (repository / MODEL).unlink()
    found(exits.FAILED, {"CI-2": "model-file-missing"})
    found(exits.FAILED, {"CI-2": "model-file-missing"}, MODEL)
    (repository / MODEL).mkdir()
    found(exits.FAILED, {"CI-2": "model-file-missing"})


def test_ci_3_one_bit_of_one_weight(repository: Path, found: Check) -> None:
    size = (repository / MODEL).stat().st_size
    flip(repository / MODEL, size // 2)
    for level in ("hash", "proof"):
        expected = {"CI-3": "model-file-differs"}
        if level == "proof":
            expected["CI-1"] = "nothing-to-check"
        document = found(exits.FAILED, expected, "--level", level)
    skipped = {item["id"] for item in document["checks"] if item["status"] == "skipped"}
    assert skipped == {"CI-6", "CI-10"}


def test_ci_3_a_byte_at_the_end(repository: Path, found: Check) -> None:
    with open(repository / MODEL, "ab") as stream:
        stream.write(b"\0")
    found(exits.FAILED, {"CI-3": "model-file-differs"})


def test_ci_4_a_model_that_nobody_locked(
    repository: Path, found: Check, other_program: Path
) -> None:
    stray = repository / "models" / "deep" / "stray.onnx"
    stray.parent.mkdir()
    shutil.copy(MODELS / "digits_mlp.onnx", stray)
    found(exits.OK, {})  # a float model is no program
    shutil.copy(other_program, stray)
    found(exits.FAILED, {"CI-4": "model-not-locked"})
    found(exits.FAILED, {"CI-4": "model-not-locked"}, "models/deep/stray.onnx", MODEL)
    found(exits.OK, {}, MODEL)


@pytest.mark.parametrize("name", ["digits_input.npz", "digits_test.npz", "proof.json"])
def test_ci_5_other_test_data(repository: Path, found: Check, name: str) -> None:
    flip(repository / "models" / name, 100)
    found(exits.FAILED, {"CI-5": "pinned-file-differs"})
    (repository / "models" / name).unlink()
    found(exits.FAILED, {"CI-5": "pinned-file-differs"})


def test_ci_6_another_model_under_a_new_hash(
    repository: Path, found: Check, other_program: Path
) -> None:
    shutil.copy(other_program, repository / MODEL)
    document = lock_of(repository)
    document["models"][0]["file"] = pin_of(repository, MODEL)
    write_lock(repository, document)
    found(exits.OK, {})  # the hash alone cannot tell
    found(exits.FAILED, {"CI-6": "program-root-differs"}, "--level", "program")
    (repository / MODEL).write_bytes(b"garbage")
    document["models"][0]["file"] = pin_of(repository, MODEL)
    write_lock(repository, document)
    found(exits.FAILED, {"CI-6": "program-root-differs"}, "--level", "golden")


def test_ci_7_a_key_of_another_program(repository: Path, found: Check) -> None:
    document = lock_of(repository)
    document["models"][0]["backends"]["gkr"]["vk"] = "11" * 32
    write_lock(repository, document)
    found(exits.OK, {})
    found(exits.FAILED, {"CI-7": "derived-key-differs"}, "--level", "program")
    ran = found(exits.OK, {}, "--level", "program", "--derive", "ezkl")
    assert any("keys of gkr" in sentence for sentence in ran["does_not_establish"])


def test_ci_7_undecided_for_a_key_that_cannot_be_derived(repository: Path, found: Check) -> None:
    document = lock_of(repository)
    document["models"][0]["backends"]["gkr"]["weights"] = "of gold"
    write_lock(repository, document)
    ran = found(exits.UNREADABLE, {"CI-7": "derived-key-differs"}, "--level", "program")
    (key,) = (item for item in ran["checks"] if item["id"] == "CI-7")
    assert "not derived" in key["found"]


def test_ci_8_another_golden_output(repository: Path, found: Check) -> None:
    document = lock_of(repository)
    document["models"][0]["golden"][0]["output_root"] = "0x" + "11" * 32
    write_lock(repository, document)
    found(exits.OK, {}, "--level", "program")
    found(exits.FAILED, {"CI-8": "golden-output-differs"}, "--level", "golden")
    document["models"][0]["golden"][0]["row"] = 5
    write_lock(repository, document)
    found(exits.FAILED, {"CI-8": "golden-output-differs"}, "--level", "golden")


def test_ci_9_a_floor_above_the_accuracy(repository: Path, found: Check) -> None:
    document = lock_of(repository)
    document["models"][0]["accuracy"]["floor_basis_points"] = 10_000
    write_lock(repository, document)
    found(exits.OK, {}, "--level", "program")
    found(exits.FAILED, {"CI-9": "accuracy-below-floor"}, "--level", "golden")


def test_ci_9_wrong_labels(repository: Path, found: Check) -> None:
    data = dict(np.load(repository / "models" / "digits_test.npz"))
    document = lock_of(repository)
    for labels in ((data["labels"] + 1) % 10, data["labels"][:-1], data["labels"] * 0.5):
        np.savez(repository / "models" / "digits_test.npz", input=data["input"], labels=labels)
        document["models"][0]["accuracy"]["dataset"] = pin_of(repository, "models/digits_test.npz")
        write_lock(repository, document)
        found(exits.FAILED, {"CI-9": "accuracy-below-floor"}, "--level", "golden")


def _repin_proof(repository: Path, change: Callable[[dict[str, Any]], None]) -> None:
    proof = json.loads((repository / PROOF).read_text())
    change(proof)
    (repository / PROOF).write_text(json.dumps(proof))
    document = lock_of(repository)
    document["models"][0]["proofs"] = [pin_of(repository, PROOF)]
    write_lock(repository, document)


def test_ci_10_a_proof_of_another_output(repository: Path, found: Check) -> None:
    _repin_proof(repository, lambda proof: proof["statement"].update(output_root="0x" + "11" * 32))
    found(exits.OK, {})
    found(exits.FAILED, {"CI-10": "proof-not-proven"}, "--level", "proof")


def test_ci_10_a_file_that_is_no_proof(repository: Path, found: Check) -> None:
    _repin_proof(repository, lambda proof: proof.update(extra=1))
    document = found(exits.FAILED, {"CI-10": "proof-not-proven"}, "--level", "proof")
    assert "unknown-key" in next(
        item["found"] for item in document["checks"] if item["id"] == "CI-10"
    )


def test_ci_10_a_payload_that_is_none(repository: Path, found: Check) -> None:
    """The proof file is one; what it carries is found to be nothing when it is judged."""
    _repin_proof(repository, lambda proof: proof.update(payload=base64.b64encode(b"x").decode()))
    found(exits.FAILED, {"CI-10": "proof-not-proven"}, "--level", "proof")


def test_ci_10_undecided_where_this_machine_is_too_small(
    repository: Path, found: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object, **__: object) -> None:
        raise ResourceLimit("too large", where="proof", hint="take a larger machine")

    monkeypatch.setattr(programs, "evaluate", too_large)
    found(exits.UNREADABLE, {"CI-10": "proof-not-proven"}, "--level", "proof")


def test_ci_10_a_policy_that_accepts_nothing(repository: Path, found: Check) -> None:
    policy = repository / "policy.json"
    policy.write_bytes(verifiable.Policy(backends={"ezkl": None}).encode())
    document = found(
        exits.FAILED, {"CI-10": "proof-not-proven"}, "--level", "proof", "--policy", policy
    )
    assert "ST-2" in json.dumps(document)


def test_ci_10_undecided_without_a_key(repository: Path, found: Check) -> None:
    document = lock_of(repository)
    document["models"][0]["backends"] = {}
    write_lock(repository, document)
    found(exits.UNREADABLE, {"CI-10": "proof-not-proven"}, "--level", "proof")


def test_ci_11_a_proof_under_another_entry(
    repository: Path, found: Check, other_program: Path, cli: Callable[..., Any]
) -> None:
    other = repository / "models" / "other.program.onnx"
    shutil.copy(other_program, other)
    words = ("lock", MODEL, other, "-q", "-o", "model.lock", "--files", "--pin-proof", PROOF)
    assert cli(*words).code == 0
    document = lock_of(repository)
    proofs = document["models"][0].pop("proofs")
    document["models"][1]["proofs"] = proofs
    write_lock(repository, document)
    bad = found(
        exits.FAILED,
        {"CI-11": "proof-of-another-model", "CI-1": "nothing-to-check"},
        *("--level", "proof"),
    )
    assert {item["model"] for item in bad["checks"] if item["id"] == "CI-11"} == {"other"}


def test_proofs_on_the_command_line_count(repository: Path, found: Check) -> None:
    document = lock_of(repository)
    del document["models"][0]["proofs"]
    write_lock(repository, document)
    found(exits.UNREADABLE, {"CI-1": "nothing-to-check"}, "--level", "proof")
    found(exits.OK, {}, "--level", "proof", "--proof", PROOF)


# -- signatures -----------------------------------------------------------------------------------


def _statement(folder: Path, names: list[str]) -> dict[str, Any]:
    digests = {name: hashlib.sha256((folder / name).read_bytes()).digest() for name in names}
    whole = hashlib.sha256(b"".join(digests.values())).hexdigest()
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "models", "digest": {"sha256": whole}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "ignore_paths": []},
            "resources": [
                {"name": name, "algorithm": "sha256", "digest": digest.hex()}
                for name, digest in digests.items()
            ],
        },
    }


def _sign(folder: Path, statement: dict[str, Any], key: Any) -> None:
    """Write `model.sig` and the key; any content can be signed, also what no honest tool would."""
    payload = json.dumps(statement).encode()
    kind = "application/vnd.in-toto+json"
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    if isinstance(key, ec.EllipticCurvePrivateKey):
        bits = key.curve.key_size
        hashed = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[bits]
        signature = key.sign(signed, ec.ECDSA(hashed))
    else:
        signature = key.sign(signed)
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": kind,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    (folder / "model.sig").write_text(json.dumps(bundle))
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "key.pem").write_bytes(pem)


KEYS = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}
SIGNATURE = ("--signature", "models/model.sig", "--signature-key", "models/key.pem")


@pytest.mark.parametrize("kind", KEYS)
def test_a_signed_repository_passes(repository: Path, found: Check, kind: str) -> None:
    folder = repository / "models"
    _sign(folder, _statement(folder, [Path(MODEL).name, "digits_input.npz"]), KEYS[kind]())
    document = found(exits.OK, {}, *SIGNATURE)
    assert {"CI-12", "CI-13", "CI-14"} <= {item["id"] for item in document["checks"]}


def test_ci_12_the_signature_of_another_key(repository: Path, found: Check) -> None:
    folder = repository / "models"
    statement = _statement(folder, [Path(MODEL).name])
    for kind in KEYS:
        _sign(folder, statement, KEYS[kind]())
        pem = (folder / "key.pem").read_bytes()
        _sign(folder, statement, KEYS[kind]())
        (folder / "key.pem").write_bytes(pem)
        found(exits.FAILED, {"CI-12": "model-signature-invalid"}, *SIGNATURE)


def test_ci_12_a_digest_of_other_files(repository: Path, found: Check) -> None:
    folder = repository / "models"
    statement = _statement(folder, [Path(MODEL).name])
    statement["subject"][0]["digest"]["sha256"] = "11" * 32
    _sign(folder, statement, KEYS["p256"]())
    found(exits.FAILED, {"CI-12": "model-signature-invalid"}, *SIGNATURE)


def test_ci_13_a_signed_file_that_changed(repository: Path, found: Check) -> None:
    folder = repository / "models"
    (folder / "labels.txt").write_text("zero one two")
    _sign(folder, _statement(folder, [Path(MODEL).name, "labels.txt"]), KEYS["p256"]())
    flip(folder / "labels.txt", 0)
    found(exits.FAILED, {"CI-13": "signed-file-differs"}, *SIGNATURE)
    (folder / "labels.txt").unlink()
    found(exits.FAILED, {"CI-13": "signed-file-differs"}, *SIGNATURE)


def test_ci_14_a_model_that_was_not_signed(repository: Path, found: Check) -> None:
    folder = repository / "models"
    _sign(folder, _statement(folder, ["digits_input.npz"]), KEYS["p256"]())
    found(exits.FAILED, {"CI-14": "model-not-signed"}, *SIGNATURE)


def test_what_model_signing_wrote_is_read(tmp_path: Path) -> None:
    from verifiable.integrity.signature import load_public_key, load_signature

    signed = load_signature(SIGNED / "models" / "model.sig")
    assert signed.consistent
    assert signed.signed_by(load_public_key(SIGNED / "key.pub.pem"))
    assert dict(signed.files) == {
        name: hashlib.sha256((SIGNED / "models" / name).read_bytes()).digest()
        for name in ("a.bin", "sub/b.bin")
    }


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("mediaType",), "application/json", "unsupported-signature"),
        (("verificationMaterial",), {"certificate": {}}, "unsupported-signature"),
        (("dsseEnvelope",), None, "wrong-type"),
        (("dsseEnvelope", "payloadType"), "text/plain", "unsupported-signature"),
        (("dsseEnvelope", "signatures"), [], "wrong-count"),
        (("dsseEnvelope", "payload"), "e30=", "missing-key"),
        (("dsseEnvelope", "payload"), "e30", "not-base64"),
    ],
)
def test_other_signatures_are_refused(
    repository: Path, cli: Callable[..., Any], path: tuple[str, ...], value: object, code: str
) -> None:
    document = json.loads((SIGNED / "models" / "model.sig").read_text())
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    Path("model.sig").write_text(json.dumps(document))
    key = ("--signature-key", SIGNED / "key.pub.pem")
    ran = cli("check", "--json", "--signature", "model.sig", *key)
    assert ran.code == exits.UNREADABLE
    assert ran.document["error"]["code"] == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "../a"}, "bad-path"),
        ({"name": "/a"}, "bad-path"),
        ({"digest": "AA" * 32}, "not-hex"),
        ({"algorithm": "md5"}, "unsupported-signature"),
    ],
)
def test_odd_lists_of_files_are_refused(
    repository: Path, cli: Callable[..., Any], changes: dict[str, str], code: str
) -> None:
    folder = repository / "models"
    statement = _statement(folder, [Path(MODEL).name])
    statement["predicate"]["resources"][0].update(changes)
    _sign(folder, statement, KEYS["p256"]())
    assert cli("check", "--json", *SIGNATURE).document["error"]["code"] == code


def test_a_private_key_is_no_public_key(repository: Path, cli: Callable[..., Any]) -> None:
    Path("key.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")
    ran = cli(
        "check", "--json", "--signature", SIGNED / "models" / "model.sig",
        "--signature-key", "key.pem",
    )  # fmt: skip
    assert ran.code == exits.UNREADABLE
    assert ran.document["error"]["code"] == "bad-public-key"


# -- the command line -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--level", "golden", "--proof", PROOF), "level-without-proofs"),
        (("--policy", "policy.json"), "level-without-proofs"),
        (("--registry", "local:chain.db"), "level-without-proofs"),
        (("--signature", "models/model.sig"), "signature-needs-key"),
        (("--level", "all"), "usage-error"),
    ],
)
def test_usage_is_2(
    repository: Path, cli: Callable[..., Any], arguments: tuple[str, ...], code: str
) -> None:
    ran = cli("check", "--json", *arguments)
    assert ran.code == exits.USAGE
    if code != "usage-error":
        assert ran.document["error"]["code"] == code


def test_what_cannot_be_read_is_3(repository: Path, cli: Callable[..., Any]) -> None:
    for words in (("--lock", "none.lock"), ("--lock", MODEL), ("nowhere.onnx",)):
        ran = cli("check", "--json", *words)
        assert ran.code == exits.UNREADABLE
        assert ran.document["verdict"] == "undecided"


def test_text_for_people_names_the_file(repository: Path, cli: Callable[..., Any]) -> None:
    ran = cli("check", "-q")
    assert ran.out.splitlines()[-1] == "PASSED: 1 model file, 6 checks, level hash, model.lock"
    flip(repository / MODEL, 1000)
    ran = cli("check", "-q")
    first = f"FAILED: CI-3 model file unchanged 'digits_mlp' {MODEL} [model-file-differs]"
    assert ran.out.splitlines()[0] == first
    assert ran.out.splitlines()[-1].startswith("FAILED: 1 model file")


def test_each_check_has_one_code() -> None:
    assert all(len(spec.codes) == 1 for spec in INTEGRITY_CHECKS)

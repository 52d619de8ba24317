"""From proof files to the router's answer: the Python functions, and the commands over them."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from game_kit import ALICE, honest, small_program
from router_kit import CONTEXT, Scene, assertion, scene_on

from verifiable.backends.base import Key, Options
from verifiable.chain.addresses import checksummed
from verifiable.chain.contracts.inference_verifier import Clause, InferenceVerifier
from verifiable.chain.endpoint import open_chain
from verifiable.cli.main import main
from verifiable.doors import MAX_CLAUSES, RouterCall, clauses_of, door_evidence, router_call
from verifiable.errors import InvalidInput, ProvingError, Reverted
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.requirement import Requirement

BOTH = "tee and optimistic"


@dataclass(frozen=True, kw_only=True)
class Files:
    """A chain that ended, and what is left of it: proofs, a lock, a policy, names."""

    folder: Path
    router: bytes
    record: bytes
    simulated_record: bytes
    asserted: Proof
    attested: Proof
    simulated: Proof
    pending: Proof
    keys: dict[str, Key]


def write_files(scene: Scene, folder: Path) -> Files:
    weaker = {**scene.keys, "tee": scene.tee_key(hardware_only=False).to_key()}
    pending = honest(small_program(), seed=6, context=CONTEXT)
    files = Files(
        folder=folder,
        router=scene.router.address,
        record=scene.record(scene.keys),
        simulated_record=scene.record(weaker),
        asserted=scene.asserted,
        attested=scene.attested(),
        simulated=scene.attested(scene.simulated),
        pending=assertion(scene.game, pending, final=False),
        keys=scene.keys,
    )
    for name in ("asserted", "attested", "simulated", "pending"):
        (folder / f"{name}.json").write_bytes(getattr(files, name).encode())
    program = scene.execution.commitment
    for name, keys in (("lock", scene.keys), ("weaker", weaker)):
        fields = {backend: key.fields for backend, key in keys.items()}
        model = LockedModel(name="small", program=program, backends=fields)
        (folder / f"{name}.json").write_bytes(Lock(models=(model,)).encode())
    demands = AttestationPolicy(registry=scene.tee_key().registry)
    policy = Policy(
        backends={"tee": None},
        allow_insecure=frozenset(("simulated_tee",)),
        attestation=demands,
    )
    (folder / "policy.json").write_bytes(policy.encode())
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("router")
    with open_chain(f"local:{folder / 'chain.db'}") as chain, scene_on(chain) as scene:
        return write_files(scene, folder)


@pytest.fixture
def place(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all files, as the working directory."""
    for name in [name for name in os.environ if name.startswith("ETH_") or name == "CHAIN"]:
        monkeypatch.delenv(name)
    for path in files.folder.iterdir():
        shutil.copy(path, tmp_path / path.name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def router(place: Path, files: Files) -> Any:
    with open_chain("local:chain.db") as chain:
        yield InferenceVerifier.at(chain, files.router)


# --- Python


def test_proofs_become_a_call(files: Files, router: InferenceVerifier) -> None:
    digest = files.asserted.statement.digest
    one = router_call(files.asserted, router, files.record)
    assert one.any_of is None
    assert one.ask() == digest
    proofs = [files.folder / "asserted.json", files.attested]
    lock = files.folder / "lock.json"
    both = router_call(proofs, router, files.record, require=BOTH, lock=lock)
    assert both.any_of == (Clause(threshold=2, backends=("tee", "optimistic")),)
    assert both.ask() == digest
    assert both.send(ALICE).gas_used > one.send(ALICE).gas_used > 21_000


def test_the_policys_key_names_the_registry(files: Files, router: InferenceVerifier) -> None:
    policy = files.folder / "policy.json"
    call = router_call(files.attested, router, files.record, policy=policy)
    assert call.ask() == files.attested.statement.digest
    with pytest.raises(InvalidInput) as caught:
        router_call(files.attested, router, files.record)
    assert caught.value.code == "key-needed"


def test_simulated_evidence_counts_where_it_is_asked_for(
    files: Files, router: InferenceVerifier
) -> None:
    def call(simulated: bool) -> RouterCall:
        lock = files.folder / "weaker.json"
        return router_call(
            files.simulated, router, files.simulated_record, lock=lock, simulated=simulated
        )

    assert call(True).ask() == files.simulated.statement.digest
    with pytest.raises(Reverted) as caught:
        call(False).ask()
    assert caught.value.name == "InferenceVerifier_Simulated"


def test_what_the_router_would_refuse_is_refused_by_name(
    files: Files, router: InferenceVerifier
) -> None:
    other = replace(files.attested, statement=files.pending.statement)
    lock = files.folder / "weaker.json"
    cases: dict[str, Any] = {
        "wrong-count": lambda: router_call([], router, files.record),
        "bad-digest": lambda: router_call(files.asserted, router, b""),
        "requirement-needed": lambda: router_call(
            [files.asserted, files.attested], router, files.record
        ),
        "statements-differ": lambda: router_call(
            [files.asserted, other], router, files.record, require=BOTH
        ),
        "backend-proven-twice": lambda: router_call(
            [files.asserted, files.asserted], router, files.record, require=BOTH
        ),
        "proof-not-named": lambda: router_call(
            files.asserted, router, files.record, require="ezkl or tee"
        ),
        "registered-key-differs": lambda: router_call(
            files.attested, router, files.record, lock=lock
        ),
    }
    for code, make in cases.items():
        with pytest.raises(InvalidInput) as caught:
            make()
        assert caught.value.code == code


def test_keys_come_from_anybody_and_the_record_decides(
    files: Files, router: InferenceVerifier
) -> None:
    call = router_call(files.attested, router, files.record, keys=files.keys)
    assert call.ask() == files.attested.statement.digest
    forged = {"tee": replace(files.keys["tee"], digest=bytes(32))}
    with pytest.raises(InvalidInput) as caught:
        router_call(files.attested, router, files.record, keys=forged)
    assert caught.value.code == "registered-key-differs"


def test_a_record_without_the_key_is_named(files: Files, router: InferenceVerifier) -> None:
    from verifiable.chain.contracts.model_registry import ModelRegistry, Program

    registry = ModelRegistry.at(router.chain)
    program = honest(small_program()).commitment
    registry.register_model(ALICE, Program.of(program))
    record = registry.record_id_of(ALICE.address, program.program_root)
    with pytest.raises(InvalidInput) as caught:
        router_call(files.asserted, router, record)
    assert caught.value.code == "key-not-registered"


def test_some_evidence_is_for_no_contract(files: Files, tmp_path: Path) -> None:
    options = Options(cache_dir=tmp_path)
    tee = files.keys["tee"]
    bare = {name: text for name, text in tee.fields.items() if name != "registry"}
    quoted = payload_of(files.attested, mode="statement", challenge="0x")
    elsewhere = payload_of(files.asserted, game="0x" + "11" * 20)
    game = files.keys["optimistic"]
    cases = (
        (replace(files.asserted, backend="gkr"), game),
        (files.attested, replace(tee, fields=bare)),
        (quoted, tee),
        (elsewhere, game),
        (files.asserted, replace(game, fields={**game.fields, "version": "1.0.1"})),
    )
    for proof, key in cases:
        with pytest.raises(ProvingError) as caught:
            door_evidence(proof, key, options)
        assert caught.value.code == "not-for-a-chain"


def payload_of(proof: Proof, **changes: str) -> Proof:
    document = {**json.loads(proof.payload), **changes}
    text = json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n"
    return replace(proof, payload=text.encode())


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("ezkl", ["ezkl"]),
        ("ezkl or tee", ["1 of ezkl, tee"]),
        ("ezkl and tee", ["ezkl and tee"]),
        ("2 of (ezkl, tee, quorum)", ["2 of ezkl, tee, quorum"]),
        ("ezkl or (tee and optimistic)", ["ezkl", "tee and optimistic"]),
        ("ezkl and (tee or optimistic)", ["ezkl and tee", "ezkl and optimistic"]),
        ("2 of (ezkl, tee and quorum, optimistic)", 3),
        ("quorum or 2 of (ezkl, tee, optimistic)", ["quorum", "2 of ezkl, tee, optimistic"]),
    ],
)
def test_a_requirement_becomes_clauses(text: str, clauses: list[str] | int) -> None:
    requirement = Requirement.parse(text)
    found = clauses_of(requirement)
    if isinstance(clauses, int):
        assert len(found) == clauses
    else:
        assert [clause.text for clause in found] == clauses
    # the clauses say what the requirement says, for every set of backends
    for chosen in range(1 << len(requirement.names)):
        brought = {name: bool(chosen >> place & 1) for place, name in enumerate(requirement.names)}
        met = any(
            sum(brought[name] for name in clause.backends) >= clause.threshold for clause in found
        )
        assert requirement.holds(brought) is met


def test_a_requirement_of_too_many_clauses_is_refused() -> None:
    pairs = " and ".join(f"(a{number} or b{number})" for number in range(7))
    with pytest.raises(InvalidInput) as caught:
        clauses_of(Requirement.parse(pairs))
    assert caught.value.code == "requirement-too-large"
    six = " and ".join(f"(a{number} or b{number})" for number in range(6))
    assert len(clauses_of(Requirement.parse(six))) == MAX_CLAUSES


# --- commands


def run(*words: object) -> tuple[int, Any]:
    result = CliRunner().invoke(main, ["router", *map(str, words), "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, json.loads(result.stdout) if result.stdout else result.stderr


def at(files: Files, record: bytes | None = None) -> tuple[str, ...]:
    named = (record or files.record).hex()
    return "--router", checksummed(files.router), "--record", f"0x{named}"


def test_verify_asks_the_router(files: Files, place: Path) -> None:
    code, document = run("verify", "asserted.json", *at(files))
    assert code == 0
    assert document["verdict"] == "accepted"
    assert document["statement_digest"] == f"0x{files.asserted.statement.digest.hex()}"
    assert document["backends"] == ["optimistic"]
    assert document["transactions"] == []
    code, document = run("verify", "attested.json", "--lock", "lock.json", *at(files), "--send")
    assert code == 0
    (sent,) = document["transactions"]
    assert sent["gas_used"] > 21_000


def test_verify_says_why_it_was_refused(files: Files, place: Path) -> None:
    code, document = run("verify", "pending.json", *at(files))
    assert (code, document["verdict"]) == (1, "refused")
    assert document["error"] == "OptimisticDoor_NotFinal"
    weaker = ("simulated.json", "--lock", "weaker.json", *at(files, files.simulated_record))
    code, document = run("verify", *weaker)
    assert (code, document["error"]) == (1, "InferenceVerifier_Simulated")
    code, document = run("verify", *weaker, "--simulated")
    assert (code, document["simulated_too"]) == (0, True)
    code, document = run("verify", "pending.json", *at(files), "--send")
    assert (code, document["error"]) == (1, "OptimisticDoor_NotFinal")


def test_policy_asks_about_several(files: Files, place: Path) -> None:
    proofs = ("asserted.json", "attested.json", "--lock", "lock.json", *at(files))
    code, document = run("policy", *proofs, "--require", "ezkl or (tee and optimistic)")
    assert code == 0
    assert document["clauses"] == ["ezkl", "tee and optimistic"]
    one = ("asserted.json", *at(files), "--require", "ezkl or (tee and optimistic)")
    code, document = run("policy", *one)
    assert (code, document["error"]) == (1, "InferenceVerifier_PolicyNotMet")


def test_what_decides_nothing_is_undecided(files: Files, place: Path) -> None:
    code, document = run("verify", "attested.json", *at(files))
    assert (code, document["verdict"]) == (3, "undecided")
    assert document["error"]["code"] == "key-needed"
    nowhere = ("--router", "0x" + "11" * 20, "--record", f"0x{files.record.hex()}")
    code, document = run("verify", "asserted.json", *nowhere)
    assert (code, document["error"]["code"]) == (3, "no-code")


def test_deploy_finds_what_stands(files: Files, place: Path) -> None:
    words = ("deploy", "--door", "tee", "--door", "optimistic")
    code, document = run(*words)
    assert code == 0
    assert document["found"]
    assert document["router"] == checksummed(files.router)
    assert list(document["doors"]) == ["optimistic", "tee"]
    code, document = run("deploy", "--door", "tee", "--dry-run")
    assert (code, document["found"], len(document["transactions"])) == (0, False, 1)
    code, again = run("deploy", "--door", "tee")
    assert code == 0
    assert again["router"] == document["router"]
    assert run("deploy", "--door", "tee")[1]["found"]


def test_a_router_over_another_registry_is_refused(files: Files, place: Path) -> None:
    from verifiable.chain.contracts.model_registry import ModelRegistry

    with open_chain("local:chain.db") as chain:
        own = chain.deploy(ALICE, ModelRegistry.artifact).address
    words = ("verify", "asserted.json", *at(files), "--registry", checksummed(own))
    code, document = run(*words)
    assert (code, document["error"]["code"]) == (3, "router-of-another-registry")

"""The escrow's artifact is its source's, and a sale goes as the story tells, on two chains."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_models import MODELS, REPOSITORY

pytest.importorskip("web3", reason="the chain needs the extra `chain`")

import verifiable
from verifiable.chain.accounts import KeySigner
from verifiable.chain.anvil import find_anvil, run_anvil
from verifiable.chain.contracts.inference_verifier import InferenceVerifier
from verifiable.chain.contracts.model_registry import ModelRegistry, Program
from verifiable.chain.contracts.router_release import default_doors
from verifiable.chain.endpoint import open_chain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.errors import ChainError, Reverted
from verifiable.statement.commitment import commit_program
from verifiable.statement.hashing import keccak
from verifiable.statement.view import record_id_of

FOLDER = REPOSITORY / "examples" / "escrow"
ALICE, BUYER = (KeySigner(account.private_key) for account in DEV_ACCOUNTS[:2])
TOLD = [
    r"record 0x[0-9a-f]{64}",
    r"escrow 0x[0-9a-f]{40}",
    r"offer 0: 10000000000000000 wei for a 2",
    r"proven: 2",
    r"refused: QuorumDoor_NotSigned",
    r"paid, for \d{6} gas",
    r"refused: ClassificationEscrow_NotOpen",
    r"refused: ClassificationEscrow_OtherClass",
    r"refused: ClassificationEscrow_Early",
    r"refunded",
]


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example's modules can be imported, by this test alone."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in ("backend", "story"):
        sys.modules.pop(name, None)


def test_the_artifact_is_made_of_these_sources() -> None:
    """`contracts/build.py --check` compiles it again, and compares."""
    artifact = json.loads((FOLDER / "ClassificationEscrow.json").read_text("utf-8"))
    roots = {"examples": REPOSITORY, "src": REPOSITORY / "contracts"}
    for name, digest in artifact["sources"].items():
        text = (roots[name.partition("/")[0]] / name).read_bytes()
        assert hashlib.sha256(text).hexdigest() == digest, f"{name} changed: run `make contracts`"
    assert "examples/escrow/src/ClassificationEscrow.sol" in artifact["sources"]


def test_the_back_end_says_what_the_contract_accepts(path: None) -> None:
    import backend

    source = (FOLDER / "src" / "ClassificationEscrow.sol").read_text("utf-8")
    accepted = source.partition("function _accepted()")[2].partition("function ")[0]
    named = re.findall(r'_only\("(\w+)"\)|keccak256\("(\w+)"\)', accepted)
    assert [one or other for one, other in named] == ["ezkl", "quorum", "optimistic"]
    assert backend.ACCEPTED == "ezkl or (quorum and optimistic)"


def test_an_offer_without_evidence_goes_back(path: None) -> None:
    import backend

    program = verifiable.compile(
        MODELS / "digits_mlp.onnx", calibration=MODELS / "digits_calibration.npz"
    )
    header = commit_program(program)
    with open_chain("local:") as chain:
        registry = ModelRegistry.deploy(chain, ALICE)
        registry.register_model(ALICE, Program.of(header), freeze_now=True)
        record_id = record_id_of(ALICE.address, header.program_root)
        doors = default_doors()
        del doors["quorum"]  # the largest one
        router = InferenceVerifier.deploy(chain, ALICE, registry.address, doors)
        escrow = backend.Escrow.deploy(chain, ALICE, router, record_id, program)
        assert escrow.contract.call("CLASSES") == 10
        assert escrow.contract.call("WIDTH") == 1
        root = backend.input_root_of(program, MODELS / "digits_input.npz")
        deadline_s = chain.block().time_s + 100
        number = escrow.deposit(BUYER, root, wanted=2, deadline_s=deadline_s, amount=5)
        offer = escrow.offer(number)
        assert (offer.buyer, offer.wanted, offer.amount) == (BUYER.address, 2, 5)
        words = (
            keccak(b"verifiable/inference/context/v1"),
            chain.chain_id.to_bytes(32, "big"),
            bytes(12) + escrow.contract.address,
            bytes(12) + ALICE.address,
            number.to_bytes(32, "big"),
        )
        assert escrow.context(ALICE.address, number) == keccak(b"".join(words))
        output = verifiable.run(program, MODELS / "digits_input.npz").outputs["output"]
        answer = output.astype("int8").tobytes()
        for sent, why in (
            (answer, "InferenceVerifier_PolicyNotMet"),
            (bytes(10), "ClassificationEscrow_OtherClass"),
            (answer[:9], "ClassificationEscrow_WrongSize"),
        ):
            with pytest.raises(Reverted) as refused:
                escrow.contract.send(ALICE, "claim", number, sent, [])
            assert refused.value.name == why
        with pytest.raises(Reverted) as early:
            escrow.refund(BUYER, number)
        assert early.value.name == "ClassificationEscrow_Early"
        chain._node.ask("evm_setNextBlockTimestamp", [deadline_s + 1])
        chain._node.ask("evm_mine", [])
        escrow.refund(ALICE, number)
        escrow.withdraw(BUYER)
        assert chain.balance(escrow.contract.address) == 0


@pytest.mark.slow
@pytest.mark.parametrize("chain", ["local:", "anvil:"])
def test_the_story(path: None, tmp_path: Path, chain: str) -> None:
    pytest.importorskip("py_ecc", reason="quorums need the extra `quorum`")
    import story

    told: list[str] = []
    if chain == "local:":
        story.play(f"local:{tmp_path / 'chain.db'}", tmp_path, told.append)
    else:
        try:
            found = find_anvil()
        except ChainError as absent:
            pytest.skip(f"on anvil only where it is installed: {absent.what}")
        with run_anvil(found) as running:
            story.play(running.url, tmp_path, told.append)
    assert len(told) == len(TOLD)
    for line, pattern in zip(told, TOLD, strict=True):
        assert re.fullmatch(pattern, line), line

"""The pages about the ezkl backend say what the code does."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

from verifiable.backends.ezkl.format import EzklKey, Payload
from verifiable.backends.ezkl.verifier_contract import CODE_BYTES
from verifiable.backends.ezkl.verify import EZKL_CHECKS
from verifiable.chain.artifact import load_artifact

ROOT = Path(__file__).parents[3]
CHAIN_PAGE = (ROOT / "docs" / "backends" / "ezkl-on-chain.md").read_text(encoding="utf-8")
FORMAT_PAGE = (ROOT / "docs" / "formats" / "ezkl-payload.md").read_text(encoding="utf-8")
DESIGN_PAGE = (ROOT / "docs" / "design" / "ezkl.md").read_text(encoding="utf-8")


def test_the_example_payload_decodes() -> None:
    (block,) = re.findall(r"```payload\n(.*?)```", FORMAT_PAGE, re.DOTALL)
    payload = Payload.decode(base64.b64decode("".join(block.split()), validate=True))
    assert payload == Payload(
        ezkl_version="23.0.5", s_g2=b"\xab" * 128, proof=b"proof", settings=b"{}", vk=b"key"
    )


def test_the_page_lists_every_check_and_key_field() -> None:
    rows = re.findall(r"^\| (EZ-\d+) \| .* \| (.*) \|$", FORMAT_PAGE, re.MULTILINE)
    assert [row[0] for row in rows] == [spec.id for spec in EZKL_CHECKS]
    for spec in EZKL_CHECKS:
        for code in spec.codes:
            assert f"`{code}`" in FORMAT_PAGE, code
    key = EzklKey.of(
        vk=b"", settings=b"", s_g2=b"", visibility="public", vka_digest=b"", proof_length=1
    )
    for name in key.to_key().fields:
        assert f"| `{name}` |" in FORMAT_PAGE


def test_the_measured_table_quotes_the_stored_result() -> None:
    stored = json.loads((ROOT / "benchmarks" / "results" / "ezkl_baseline.json").read_text())
    for name, model in stored["models"].items():
        summary = model["summary"]
        (row,) = re.findall(rf"^\| {name} \|.*$", DESIGN_PAGE, re.MULTILINE)
        assert f"| {summary['setup_s']:.1f} s " in row
        assert f"| {summary['prove_s_median']:.1f} s " in row
        assert f"| {summary['proof_bytes']:,} bytes |" in row


def test_the_table_of_gas_quotes_the_stored_result() -> None:
    stored = json.loads((ROOT / "benchmarks" / "results" / "ezkl_gas.json").read_text())
    assert set(stored["models"]) == {"dense_5x3", "digits_mlp", "digits_cnn"}
    for name, model in stored["models"].items():
        figures = [model[part] for part in ("public_values", "proof_bytes", "vka_bytes")]
        figures += [model["calldata_bytes"], model["register_gas"]]
        figures += [model[part]["median"] for part in ("verify_gas", "verifier_alone_gas")]
        assert f"| {name} | {' | '.join(f'{value:,}' for value in figures)} |" in CHAIN_PAGE
    assert f"{stored['verifier']['deploy_gas']:,} gas" in CHAIN_PAGE
    assert stored["verifier"]["code_bytes"] == CODE_BYTES
    assert stored["door"]["code_bytes"] == len(load_artifact("EzklDoor").runtime) <= 24_576


def test_the_chain_page_lists_every_guard_of_the_door() -> None:
    door = (ROOT / "contracts" / "src" / "inference" / "EzklDoor.sol").read_text("utf-8")
    guards = re.findall(r"// INVARIANT (IV-\d+):", door)
    assert sorted(guards) == re.findall(r"^\| (IV-\d+) \|", CHAIN_PAGE, re.MULTILINE)

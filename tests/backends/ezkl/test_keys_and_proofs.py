"""Setting up and proving: keys follow from the program alone, and failures are typed."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ezkl_samples import ALLOWING, LOCAL, Proven, prove, rows_for, tiny_program

from verifiable.api import compile
from verifiable.backends.base import Options
from verifiable.backends.ezkl import keys as keys_module
from verifiable.backends.ezkl import prove as prove_module
from verifiable.backends.ezkl import verify as verify_module
from verifiable.backends.ezkl.backend import EzklBackend
from verifiable.backends.ezkl.child import Ending
from verifiable.backends.ezkl.format import Payload
from verifiable.backends.ezkl.phases import Phases
from verifiable.backends.ezkl.settings import canonical_settings
from verifiable.backends.ezkl.simulate import simulate
from verifiable.cache import Cache
from verifiable.errors import (
    Cancelled,
    ProvingError,
    ResourceLimit,
    SetupError,
    UnsupportedModel,
    VerifiableError,
)
from verifiable.program import operators as ops
from verifiable.program.execute import execute
from verifiable.program.program import Constant, Node, Program
from verifiable.progress import Cancellation, ProgressEvent
from verifiable.verification import verify

MODELS = Path(__file__).parents[3] / "models"


def options(cache_dir: Path, **changes: object) -> Options:
    return Options(**{"cache_dir": cache_dir, "settings": LOCAL, **changes})


def cached_keys(cache_dir: Path) -> list[str]:
    return [entry.key for entry in Cache(cache_dir).entries() if entry.kind == "ezkl-keys"]


def changed(program: Program, **requant: int) -> Program:
    (node,) = program.nodes
    step = replace(node.op.requant, **requant)
    return replace(program, nodes=(replace(node, op=replace(node.op, requant=step)),))


def with_constant(program: Program, index: int, change: Callable[[np.ndarray], object]) -> Program:
    weights = list(program.weights)
    weights[index] = Constant.of("changed", change(weights[index].values.copy()))
    return replace(program, weights=tuple(weights))


def bumped(values: np.ndarray) -> np.ndarray:
    values.reshape(-1)[0] += 1
    return values


CHANGES = {
    "weight": lambda p: with_constant(p, 0, bumped),
    "weights swapped": lambda p: with_constant(p, 0, lambda v: v[:, ::-1]),
    "bias": lambda p: with_constant(p, 1, bumped),
    "multiplier": lambda p: with_constant(p, 2, bumped),
    "shift": lambda p: changed(p, shift=13),
    "zero point": lambda p: changed(p, zero_point=-21),
    "lowest value": lambda p: changed(p, lo=-127),
    "highest value": lambda p: changed(p, hi=126),
}


def keys_of_changed(names: Iterable[str], cache_dir: Path, proven: Proven) -> list[str]:
    """The key's digest of the program itself, then of each changed one."""
    backend = EzklBackend()
    made = [backend.setup(CHANGES[name](proven.program), options(cache_dir)) for name in names]
    return [key.fields["vk_sha256"] for key in (proven.key, *(setup.key for setup in made))]


def test_another_weight_changes_the_verification_key(ezkl_cache: Path, proven: Proven) -> None:
    honest, other = keys_of_changed(["weight"], ezkl_cache, proven)
    assert honest != other


@pytest.mark.slow
def test_any_change_of_the_program_changes_the_verification_key(
    ezkl_cache: Path, proven: Proven
) -> None:
    found = keys_of_changed(CHANGES, ezkl_cache, proven)
    assert len(set(found)) == len(CHANGES) + 1, found


def test_the_key_is_the_same_wherever_it_is_derived(
    ezkl_cache: Path, proven: Proven, tmp_path: Path
) -> None:
    strings = [e.folder / "kzg.srs" for e in Cache(ezkl_cache).entries() if e.kind == "ezkl-srs"]
    point = bytes.fromhex(proven.key.fields["s_g2"])
    (file,) = [path for path in strings if path.read_bytes().endswith(point)]
    elsewhere = options(tmp_path, settings={"srs_file": str(file)})
    again = EzklBackend().setup(proven.program, elsewhere)
    assert not again.cached
    assert again.key == proven.key


def test_keys_are_cached_by_content(ezkl_cache: Path, proven: Proven) -> None:
    again = EzklBackend().setup(proven.program, options(ezkl_cache))
    assert again.cached
    assert again.key == proven.key
    assert again.key.from_cache
    assert again.folder == proven.setup.folder


# -- what lies in the cache is not believed because it lies there --------------------------------


def manifest_written_again(folder: Path) -> None:
    """Let the manifest of an entry fit its place and its files, as who writes there can."""
    path = folder / "manifest.json"
    path.unlink()
    listed = {
        item.name: {
            "bytes": item.stat().st_size,
            "sha256": hashlib.sha256(item.read_bytes()).hexdigest(),
        }
        for item in folder.iterdir()
    }
    about = {"kind": "ezkl-keys", "key": folder.name, "files": listed}
    path.write_text(json.dumps({"format": "verifiable-cache-entry/1", **about}))


def place_whole_entry(entry: Path, other: Path) -> None:
    shutil.copytree(other, entry, dirs_exist_ok=True)


def place_entry_with_its_manifest(entry: Path, other: Path) -> None:
    shutil.copytree(other, entry, dirs_exist_ok=True)
    manifest_written_again(entry)


def place_vk(entry: Path, other: Path) -> None:
    shutil.copyfile(other / "vk.key", entry / "vk.key")
    manifest_written_again(entry)


def change_settings(entry: Path, other: Path) -> None:
    settings = (entry / "settings.json").read_bytes()
    (entry / "settings.json").write_bytes(settings.replace(b'"timestamp":0', b'"timestamp":1'))
    manifest_written_again(entry)


def name_another_string(entry: Path, other: Path) -> None:
    about = json.loads((entry / "key.json").read_text())
    about["key"]["s_g2"] = "00" * 128
    (entry / "key.json").write_text(json.dumps(about))
    manifest_written_again(entry)


def leave_no_sense(entry: Path, other: Path) -> None:
    (entry / "key.json").write_text('{"key": [1]}')
    manifest_written_again(entry)


@pytest.mark.parametrize(
    "poison",
    [
        place_whole_entry,
        place_entry_with_its_manifest,
        place_vk,
        change_settings,
        name_another_string,
        leave_no_sense,
    ],
)
def test_a_poisoned_entry_is_derived_again(
    poison: Callable[[Path, Path], None],
    ezkl_cache: Path,
    proven: Proven,
    other_program: Proven,
    tmp_path: Path,
) -> None:
    cache = tmp_path / "cache"
    for entry in Cache(ezkl_cache).entries():
        if entry.kind == "ezkl-srs" or entry.folder == proven.setup.folder:
            shutil.copytree(entry.folder, cache / entry.kind / entry.key)
    entry = cache / "ezkl-keys" / proven.setup.folder.name
    assert EzklBackend().setup(proven.program, options(cache)).cached  # the control
    poison(entry, other_program.setup.folder)
    setup = EzklBackend().setup(proven.program, options(cache))
    assert setup.key == proven.key
    assert not setup.cached
    assert not setup.key.from_cache
    assert EzklBackend().setup(proven.program, options(cache)).cached


def test_proving_refuses_a_poisoned_folder(
    ezkl_cache: Path, proven: Proven, other_program: Proven, tmp_path: Path
) -> None:
    folder = tmp_path / proven.setup.folder.name
    shutil.copytree(other_program.setup.folder, folder)
    setup = replace(proven.setup, folder=folder)
    with pytest.raises(SetupError) as caught:
        EzklBackend().prove(
            proven.program, proven.trace, proven.statement, setup, options(ezkl_cache)
        )
    assert caught.value.code == "keys-unavailable"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_cache_that_everybody_may_write_to_gives_no_key(proven: Proven, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(SetupError) as caught:
        EzklBackend().setup(proven.program, options(tmp_path))
    assert caught.value.code == "unsafe-cache"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_while_keys_are_derived_is_a_typed_error(
    ezkl_cache: Path, proven: Proven, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = keys_module.Phases.run

    def run(self: Phases, phase: str, *words: object, **more: object) -> object:
        if phase == "settings":
            (self.folder / "settings.json").symlink_to("/dev/full")
        return genuine(self, phase, *words, **more)

    monkeypatch.setattr(keys_module.Phases, "run", run)
    before = cached_keys(ezkl_cache)
    with pytest.raises(ResourceLimit) as caught:
        EzklBackend().setup(changed(tiny_program(), hi=44), options(ezkl_cache))
    assert caught.value.code == "unwritable-cache"
    assert "No space left" in caught.value.why
    assert cached_keys(ezkl_cache) == before


def test_the_verifier_needs_no_proving_key(proven: Proven) -> None:
    payload = Payload.decode(proven.proof.payload)
    assert hashlib.sha256(payload.vk).hexdigest() == proven.key.fields["vk_sha256"]
    assert len(proven.proof.payload) < (proven.setup.folder / "pk.key").stat().st_size / 10


def test_settings_are_canonical_whatever_order_ezkl_writes() -> None:
    raw = {
        "run_args": {"num_inner_cols": 2},
        "required_range_checks": [[0, 9], [-1, 1]],
        "required_lookups": [],
        "num_rows": 77,
        "total_assignments": 9,
        "timestamp": 123,
    }
    other = {**raw, "required_range_checks": [[-1, 1], [0, 9]], "num_rows": 5, "timestamp": 9}
    shuffled = dict(reversed(other.items()))
    assert canonical_settings(raw) == canonical_settings(shuffled)
    assert b'"num_rows":5' in canonical_settings(raw)
    different = {**raw, "required_range_checks": [[0, 8], [-1, 1]]}
    assert canonical_settings(raw) != canonical_settings(different)


def test_a_circuit_that_differs_from_the_executor_gets_no_key(
    ezkl_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tiny_program(mirrored=True)
    genuine = keys_module.build
    monkeypatch.setattr(keys_module, "build", lambda program: genuine(wrong))
    before = cached_keys(ezkl_cache)
    # Another program than those that are cached already.
    program = changed(tiny_program(), hi=99)
    with pytest.raises(SetupError) as caught:
        EzklBackend().setup(program, options(ezkl_cache, visibility="hashed"))
    assert caught.value.code == "circuit-mismatch"
    assert cached_keys(ezkl_cache) == before


def test_a_witness_that_differs_from_the_trace_is_not_proven(
    ezkl_cache: Path, proven: Proven
) -> None:
    values = (proven.trace.values[0] + np.array([[1, 0, 0]]),)
    lying = replace(proven.trace, values=values)
    with pytest.raises(ProvingError) as caught:
        EzklBackend().prove(
            proven.program, lying, proven.statement, proven.setup, options(ezkl_cache)
        )
    assert caught.value.code == "witness-mismatch"


def test_a_proof_that_does_not_verify_is_not_returned(
    ezkl_cache: Path, proven: Proven, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = prove_module.Payload

    def spoiled(**parts: object) -> Payload:
        return genuine(**{**parts, "proof": bytes(len(parts["proof"]))})

    monkeypatch.setattr(prove_module, "Payload", spoiled)
    with pytest.raises(ProvingError) as caught:
        EzklBackend().prove(
            proven.program, proven.trace, proven.statement, proven.setup, options(ezkl_cache)
        )
    assert caught.value.code == "own-proof-rejected"


def test_a_proof_that_could_not_be_verified_is_not_returned(
    ezkl_cache: Path, proven: Proven, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = Ending(status="storage", message="No space left on device")
    monkeypatch.setattr(verify_module, "run_child", lambda *words, **more: ending)
    with pytest.raises(ResourceLimit) as caught:
        EzklBackend().prove(
            proven.program, proven.trace, proven.statement, proven.setup, options(ezkl_cache)
        )
    assert caught.value.code == "verifier-stopped"
    assert caught.value.why == "No space left on device"


def test_unsupported_nodes_are_all_named_at_once(tmp_path: Path) -> None:
    program = tiny_program()
    pools = tuple(
        Node(
            op=ops.MaxPool(kernel=(2, 1), strides=(1, 1), pads=(2, 0, 0, 0), dilations=(2, 1)),
            operands=(replace(program.nodes[0].operands[0], shape=(1, 5, 1, 1)),),
            shape=(1, 5, 1, 1),
            width=1,
            name=name,
        )
        for name in ("first", "second")
    )
    program = replace(program, nodes=(*program.nodes, *pools))
    with pytest.raises(UnsupportedModel) as caught:
        EzklBackend().setup(program, options(tmp_path))
    assert [problem.node for problem in caught.value.problems] == ["first", "second"]
    assert list(tmp_path.iterdir()) == []


def test_the_declared_settings_are_the_known_ones() -> None:
    assert set(EzklBackend.settings) == keys_module._KNOWN_SETTINGS


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"srs": "somewhere"}},
        {"settings": {"colour": "blue"}},
        {"visibility": "secret"},
    ],
)
def test_unknown_options_are_refused(change: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(VerifiableError) as caught:
        EzklBackend().setup(tiny_program(), options(tmp_path, **change))
    assert caught.value.code == "unknown-option"


def test_cancelling_leaves_nothing_behind(ezkl_cache: Path, proven: Proven) -> None:
    cancel = Cancellation()

    def stop(event: ProgressEvent) -> None:
        if event.phase in ("keys", "prove"):
            cancel.cancel()

    before = sorted(ezkl_cache.rglob("*"))
    program = changed(tiny_program(), hi=55)
    with pytest.raises(Cancelled):
        EzklBackend().setup(program, options(ezkl_cache, progress=stop, cancel=cancel))
    cancel = Cancellation()
    with pytest.raises(Cancelled):
        EzklBackend().prove(
            proven.program,
            proven.trace,
            proven.statement,
            proven.setup,
            options(ezkl_cache, progress=stop, cancel=cancel),
        )
    assert sorted(ezkl_cache.rglob("*")) == before


def test_a_time_limit_is_a_typed_error(ezkl_cache: Path, proven: Proven) -> None:
    with pytest.raises(ResourceLimit) as caught:
        EzklBackend().prove(
            proven.program,
            proven.trace,
            proven.statement,
            proven.setup,
            options(ezkl_cache, time_limit_s=0.01),
        )
    assert caught.value.code == "time-limit"


def test_evidence_reports_what_it_cost(ezkl_cache: Path, proven: Proven) -> None:
    events: list[ProgressEvent] = []
    evidence = EzklBackend().prove(
        proven.program,
        proven.trace,
        proven.statement,
        proven.setup,
        options(ezkl_cache, progress=events.append),
    )
    assert set(evidence.phases_s) == {"witness", "prove", "verify"}
    assert evidence.prove_s == pytest.approx(sum(evidence.phases_s.values()))
    assert 10 < evidence.peak_rss_mib < 4000
    assert [e.phase for e in events if e.fraction == 1.0] == ["witness", "prove", "verify"]
    # Two proofs of one statement differ: the prover blinds them.
    assert evidence.payload != proven.proof.payload


def test_an_estimate_comes_before_any_work(tmp_path: Path) -> None:
    estimate = EzklBackend(cache_dir=tmp_path).estimate(tiny_program())
    assert estimate.setup_s is not None
    assert 0 < estimate.setup_s < 10
    assert estimate.memory_bytes is not None
    assert estimate.key_bytes is not None
    assert estimate.memory_bytes > estimate.key_bytes > 0
    assert list(tmp_path.iterdir()) == []


# -- the sample models ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits_mlp() -> Program:
    return compile(MODELS / "digits_mlp.onnx", calibration=MODELS / "digits_calibration.npz")


@pytest.fixture(scope="module")
def digits_cnn() -> Program:
    return compile(MODELS / "digits_cnn.onnx", calibration=MODELS / "digits_calibration.npz")


def check_full_proof(program: Program, cache_dir: Path) -> None:
    case = prove(program, cache_dir)
    verdict = verify(case.proof.encode(), ALLOWING, program=program, keys={"ezkl": case.key})
    assert verdict.outcome == "proven"
    outputs = execute(program, rows_for(program, 4, 3)[3], tier="reference").outputs
    for name, values in outputs.items():
        np.testing.assert_array_equal(verdict.outputs[name], values)


def test_digits_mlp_is_proven(digits_mlp: Program, ezkl_cache: Path) -> None:
    check_full_proof(digits_mlp, ezkl_cache)


def test_digits_cnn_is_exact_on_a_few_inputs(digits_cnn: Program, tmp_path: Path) -> None:
    check_rows(digits_cnn, 8, tmp_path)


@pytest.mark.slow
def test_digits_cnn_is_exact_on_200_inputs(digits_cnn: Program, tmp_path: Path) -> None:
    check_rows(digits_cnn, 200, tmp_path)


@pytest.mark.slow
def test_digits_cnn_is_proven(digits_cnn: Program, ezkl_cache: Path) -> None:
    check_full_proof(digits_cnn, ezkl_cache)


def check_rows(program: Program, count: int, cache_dir: Path) -> None:
    rows = rows_for(program, count, seed=11)
    found = simulate(program, rows, Options(cache_dir=cache_dir))
    assert len(found) == count
    assert len({tuple(row["x" if "x" in row else next(iter(row))].flat) for row in found}) > 2
    for row, outputs in zip(rows, found, strict=True):
        for name, values in execute(program, row).outputs.items():
            np.testing.assert_array_equal(outputs[name], values)

"""An audit finds each difference, by the check of its name, and nothing where there is none."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx
import pytest
from audit_kit import (
    CALIBRATION,
    TEST,
    Made,
    bad_of,
    differing,
    flipped,
    found_by,
    ids_of,
    with_clamp,
    with_float_weight,
    with_lock_key,
    with_weight,
)

import verifiable
from verifiable.auditing.checks import AUDIT_CHECKS
from verifiable.errors import InvalidInput, MalformedInput, MalformedModel
from verifiable.program.scales import decode_scales, encode_scales
from verifiable.statement.lock import Lock
from verifiable.statement.policy import Policy

NAMES = ("digits_mlp", "digits_cnn", "sigmoid", "qdq")
SIMULATED = Policy(backends={"tee": None}, allow_insecure=frozenset(("simulated_tee",)))
UNDERIVED = "audited-key-not-derived"


# -- honest ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_what_was_compiled_is_derived_again_byte_for_byte(
    made: dict[str, Made], name: str, tmp_path: Path
) -> None:
    item = made[name]
    lock = verifiable.make_lock([item.program], backends=("gkr", "tee"))
    report = verifiable.audit(item.model, item.path, lock=lock, cache_dir=tmp_path)
    assert (report.commitments, report.result, report.bad) == ("equal", "passed", ())
    assert ids_of(report) == {"AU-1", "AU-2", "AU-3", "AU-4", "AU-5", "AU-7"}
    assert {key.backend: key.from_cache for key in report.keys} == {"gkr": False, "tee": False}
    assert report.commitment.program_root == lock.models[0].program_root
    assert report.same_source is True
    assert report.keys[0].fields == lock.models[0].backends["gkr"]
    json.dumps(report.to_json(), allow_nan=False)


def test_other_options_of_compiling_are_taken_from_the_program(made: dict[str, Made]) -> None:
    item = made["digits_cnn"]
    program = verifiable.compile(
        item.model,
        calibration=item.rows,
        per_channel=False,
        weights="int16",
        activation="uint8",
        calibration_method="percentile",
    )
    assert verifiable.audit(item.model, program).commitments == "equal"


def test_an_open_axis_and_a_cut_output_are_taken_from_the_program(made: dict[str, Made]) -> None:
    model = onnx.load(made["sigmoid"].model)
    node = onnx.helper.make_node("Sigmoid", ["y"], ["z"], name="last")
    model.graph.node.append(node)
    model.graph.output[0].name = "z"
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "width"
    rows = made["sigmoid"].rows
    program = verifiable.compile(model, calibration=rows, shapes={"x": (1, 4)}, cut_output=True)
    assert verifiable.audit(model, program).commitments == "equal"


def test_record_and_lock_together(made, scene) -> None:
    item = made["sigmoid"]
    report = verifiable.audit(
        item.model,
        item.path,
        lock=scene.lock,
        registry=scene.url,
        record=scene.right,
        allow_local_chain=True,
    )
    assert (report.commitments, report.bad) == ("equal", ())
    assert {key.backend for key in report.keys} == {"gkr", "tee", "optimistic"}
    assert {item.backend for item in report.findings if item.check.id == "AU-8"} == {
        "gkr",
        "tee",
        "optimistic",
    }
    assert "RG-6" not in ids_of(report)
    assert {"RG-1", "RG-2", "RG-3", "RG-4", "RG-5", "RG-7", "RG-8"} < ids_of(report)


def test_a_record_alone_is_enough(made, scene) -> None:
    item = made["sigmoid"]
    report = verifiable.audit(
        item.model,
        item.path,
        registry=scene.url,
        record="0x" + scene.right.hex(),
        game=scene.game,
        allow_local_chain=True,
    )
    assert (report.commitments, report.bad) == ("equal", ())


def test_a_quantised_model_needs_no_program(made: dict[str, Made]) -> None:
    item = made["qdq"]
    lock = verifiable.make_lock([item.program])
    report = verifiable.audit(item.model, lock=lock)
    assert (report.commitments, report.same_source) == ("equal", None)
    assert ids_of(report) == {"AU-5", "AU-7"}


def test_ezkl_is_derived_again_and_its_setup_told(made: dict[str, Made]) -> None:
    pytest.importorskip("ezkl", reason="keys need the extra `ezkl`")
    item = made["digits_mlp"]
    lock = verifiable.make_lock([item.program], backends=("ezkl",), insecure_local_setup=True)
    report = verifiable.audit(item.model, item.path, lock=lock)
    (key,) = report.keys
    assert (report.commitments, key.follows_from) == (
        "equal",
        "a setup that is not public (local)",
    )
    assert key.estimate_s is not None
    assert key.estimate_s > 0
    assert any("not public" in text for text in report.does_not_establish)


def test_another_file_of_the_same_model_is_told_and_no_difference(made: dict[str, Made]) -> None:
    model = onnx.load(made["digits_mlp"].model)
    model.doc_string = "the same numbers"
    report = verifiable.audit(model, made["digits_mlp"].program)
    assert (report.commitments, report.same_source) == ("equal", False)


# -- the program ----------------------------------------------------------------------------------


def test_au_1_a_node_that_clips_earlier(made: dict[str, Made]) -> None:
    item = made["digits_mlp"]
    report = verifiable.audit(item.model, with_clamp(item.program))
    assert bad_of(report) == {("AU-1", "failed", "audited-graph-differs", "")}
    assert "node 0 (MatMul '/1/Gemm'): hi is 126, and 127 derived" in found_by(report, "AU-1")
    assert report.keys == ()


@pytest.mark.parametrize("name", NAMES)
def test_au_2_one_integer_of_one_weight(made: dict[str, Made], name: str) -> None:
    item = made[name]
    index = len(item.program.weights) - 2
    report = verifiable.audit(item.model, with_weight(item.program, index))
    assert bad_of(report) == {("AU-2", "failed", "audited-weights-differ", "")}
    told = found_by(report, "AU-2")
    assert f"weight {index} ({item.program.weights[index].name!r}): element" in told
    assert f"1 of {item.program.weights[index].values.size} differ" in told


@pytest.mark.parametrize("name", NAMES)
def test_au_2_one_weight_of_the_float_model(made: dict[str, Made], name: str) -> None:
    item = made[name]
    changed = with_float_weight(onnx.load(item.model), 20 if name == "qdq" else 0.05)
    report = verifiable.audit(changed, item.program)
    assert bad_of(report) == {("AU-2", "failed", "audited-weights-differ", "")}
    assert report.same_source is False


def test_au_3_one_entry_of_a_table(made: dict[str, Made]) -> None:
    item = made["sigmoid"]
    report = verifiable.audit(item.model, with_weight(item.program, table=True))
    assert bad_of(report) == {("AU-3", "failed", "audited-tables-differ", "")}
    assert "table 0" in found_by(report, "AU-3")


def test_au_4_the_scale_of_an_input(made: dict[str, Made]) -> None:
    item = made["digits_mlp"]
    spec = replace(item.program.inputs[0], scale=item.program.inputs[0].scale * 2)
    report = verifiable.audit(item.model, replace(item.program, inputs=(spec,)))
    assert bad_of(report) == {("AU-4", "failed", "audited-schema-differs", "")}
    assert "input 'input': scale is" in found_by(report, "AU-4")


@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn", "sigmoid"])
def test_one_scale_in_the_metadata_is_found(made: dict[str, Made], name: str) -> None:
    item = made[name]
    scales = decode_scales(item.program.metadata["scales"])
    first = sorted(scales)[0]
    scales[first] = replace(scales[first], scale=float(np.float32(scales[first].scale * 1.25)))
    metadata = {**item.program.metadata, "scales": encode_scales(scales)}
    forged = replace(item.program, metadata=MappingProxyType(metadata))
    lock = verifiable.make_lock([item.program])
    report = verifiable.audit(item.model, forged, lock=lock)
    assert report.commitments == "differ"
    assert "AU-5" in differing(report)
    assert {"AU-1", "AU-2", "AU-4"} & set(differing(report))


def test_a_program_without_a_node_or_a_weight_is_told(made: dict[str, Made]) -> None:
    item, other = made["sigmoid"], made["digits_cnn"]
    report = verifiable.audit(other.model, item_with_recipe(item, other))
    assert differing(report) == ["AU-1", "AU-2", "AU-3", "AU-4"]


def item_with_recipe(item: Made, other: Made) -> verifiable.Program:
    """A program that says to be compiled from another one's scales."""
    return replace(item.program, metadata=other.program.metadata)


# -- the lock -------------------------------------------------------------------------------------


def test_au_5_a_lock_of_another_program(made: dict[str, Made]) -> None:
    item = made["digits_mlp"]
    lock = verifiable.make_lock([with_weight(item.program)], names=["mine"])
    report = verifiable.audit(item.model, item.path, lock=lock)
    assert bad_of(report) == {("AU-5", "failed", "audited-root-not-locked", "")}
    assert found_by(report, "AU-5").endswith("(entry 'mine'): other weights")
    # keys of another program say nothing, and none is derived for them
    assert report.keys == ()
    assert [item.check.status for item in report.findings if item.check.id == "AU-7"] == ["skipped"]


def test_au_5_no_entry_among_several(made: dict[str, Made]) -> None:
    item = made["digits_mlp"]
    others = [made["digits_cnn"].program, made["sigmoid"].program]
    lock = verifiable.make_lock(others, names=["cnn", "gated"])
    report = verifiable.audit(item.model, item.path, lock=lock)
    assert bad_of(report) == {("AU-5", "failed", "audited-root-not-locked", "")}
    named = verifiable.audit(item.model, item.path, lock=lock, name="cnn")
    assert found_by(named, "AU-5").endswith("other graph, weights, schema")


def test_the_entry_is_found_among_several(made: dict[str, Made]) -> None:
    lock = verifiable.make_lock([made[name].program for name in NAMES[:3]])
    for name in NAMES:  # quantised or not, it is one program
        report = verifiable.audit(made[name].model, made[name].path, lock=lock)
        assert report.commitments == "equal"
        assert "anything about the lock's 2 other entries" in report.does_not_establish


def audited(made: dict[str, Made], scene, lock: Lock, **more):
    item = made["sigmoid"]
    given = {"policy": SIMULATED, "rpc_url": scene.url, **more}
    return verifiable.audit(item.model, item.path, lock=lock, **given)


@pytest.mark.parametrize(
    ("backend", "field"),
    [("gkr", "vk"), ("tee", "roots"), ("optimistic", "code_hash"), ("optimistic", "game_key")],
)
def test_au_7_a_wrong_key_in_the_lock(made, scene, backend: str, field: str) -> None:
    assert audited(made, scene, scene.lock).commitments == "equal"
    value = scene.lock.models[0].backends[backend][field]
    report = audited(made, scene, with_lock_key(scene.lock, backend, **{field: flipped(value)}))
    assert bad_of(report) == {("AU-7", "failed", "audited-key-differs", backend)}
    assert f"{backend} {field}:" in found_by(report, "AU-7")


def test_au_7_a_wrong_ezkl_key_in_the_lock(made: dict[str, Made]) -> None:
    pytest.importorskip("ezkl", reason="keys need the extra `ezkl`")
    item = made["digits_mlp"]
    lock = verifiable.make_lock([item.program], backends=("ezkl",), insecure_local_setup=True)
    fields = lock.models[0].backends["ezkl"]
    forged = with_lock_key(lock, "ezkl", vk_sha256=flipped(fields["vk_sha256"]))
    report = verifiable.audit(item.model, item.path, lock=forged)
    assert bad_of(report) == {("AU-7", "failed", "audited-key-differs", "ezkl")}
    # one that cannot be read is none, whatever can be derived here
    nothing = with_lock_key(lock, "ezkl", s_g2="nothing")
    report = verifiable.audit(item.model, item.path, lock=nothing, backends=("gkr",))
    assert bad_of(report) == {("AU-7", "failed", "audited-key-differs", "ezkl")}
    # a setup that is nowhere here decides nothing
    elsewhere = with_lock_key(lock, "ezkl", s_g2=flipped(fields["s_g2"]))
    report = verifiable.audit(item.model, item.path, lock=elsewhere)
    assert bad_of(report) == {("AU-7", "undecided", UNDERIVED, "ezkl")}


def test_au_7_the_key_of_another_model(made: dict[str, Made]) -> None:
    lock = verifiable.make_lock([made["digits_mlp"].program])
    theirs = verifiable.make_lock([made["digits_cnn"].program]).models[0].backends["gkr"]
    report = verifiable.audit(
        made["digits_mlp"].model, made["digits_mlp"].path, lock=with_lock_key(lock, "gkr", **theirs)
    )
    assert bad_of(report) == {("AU-7", "failed", "audited-key-differs", "gkr")}


def test_au_7_a_key_that_is_none(made: dict[str, Made]) -> None:
    item = made["digits_mlp"]
    lock = with_lock_key(verifiable.make_lock([item.program]), "gkr", vk="nothing")
    report = verifiable.audit(item.model, item.path, lock=lock)
    assert bad_of(report) == {("AU-7", "failed", "audited-key-differs", "gkr")}
    assert "malformed-key" in found_by(report, "AU-7")


def test_au_7_a_game_that_is_none(made, scene) -> None:
    report = audited(made, scene, with_lock_key(scene.lock, "optimistic", game="11" * 20))
    assert bad_of(report) == {("AU-7", "failed", "audited-key-differs", "optimistic")}
    assert "not a game of this release" in found_by(report, "AU-7")


def test_au_7_another_game_than_the_caller_names(made, scene) -> None:
    report = audited(made, scene, scene.lock, game="0x" + scene.other_game.hex())
    assert bad_of(report) == {("AU-7", "failed", "audited-key-differs", "optimistic")}
    assert f"optimistic game: {scene.game.hex()}" in found_by(report, "AU-7")


def test_au_7_a_key_that_is_left_out_or_lacks_something_is_undecided(made, scene) -> None:
    report = audited(made, scene, scene.lock, backends=("gkr",))
    assert bad_of(report) == {
        ("AU-7", "undecided", UNDERIVED, "tee"),
        ("AU-7", "undecided", UNDERIVED, "optimistic"),
    }
    assert (report.commitments, report.result) == ("undecided", "undecided")
    report = audited(made, scene, scene.lock, rpc_url=None)
    assert bad_of(report) == {("AU-7", "undecided", UNDERIVED, "optimistic")}
    # a node of another chain than the lock's says nothing about its game
    report = audited(made, scene, with_lock_key(scene.lock, "optimistic", chain_id="5"))
    assert bad_of(report) == {("AU-7", "undecided", UNDERIVED, "optimistic")}


def test_au_7_without_a_policy_only_the_simulators_workloads_are_known(made, scene) -> None:
    assert audited(made, scene, scene.lock, policy=None).commitments == "equal"
    roots = scene.lock.models[0].backends["tee"]["roots"]
    forged = with_lock_key(scene.lock, "tee", roots=flipped(roots))
    report = audited(made, scene, forged, policy=None)
    assert bad_of(report) == {("AU-7", "undecided", UNDERIVED, "tee")}
    report = audited(made, scene, scene.lock, policy=Policy())
    assert bad_of(report) == {("AU-7", "undecided", UNDERIVED, "tee")}


def test_au_7_a_quorum_is_people_and_follows_from_what_they_say(
    made: dict[str, Made], tmp_path: Path
) -> None:
    pytest.importorskip("py_ecc", reason="quorums need the extra `quorum`")
    from verifiable.backends.quorum.keys import QuorumKey
    from verifiable.backends.quorum.signing import make_member

    people = [make_member(name, seed * 32)[1] for name, seed in (("ann", b"a"), ("bob", b"b"))]
    both, any_one = (QuorumKey.of(people, threshold) for threshold in (2, 1))
    item = made["digits_mlp"]
    (model,) = verifiable.make_lock([item.program]).models
    keys = {**model.backends, "quorum": both.to_key().fields}
    lock = Lock(models=(replace(model, backends=keys),))
    report = verifiable.audit(item.model, item.path, lock=lock)
    assert bad_of(report) == {("AU-7", "undecided", UNDERIVED, "quorum")}
    assert found_by(report, "AU-7").startswith("not derivable: people")
    said = tmp_path / "quorum.json"
    said.write_bytes(both.encode())
    report = verifiable.audit(item.model, item.path, lock=lock, quorum=said)
    assert report.commitments == "equal"
    said.write_bytes(any_one.encode())
    report = verifiable.audit(item.model, item.path, lock=lock, quorum=said)
    assert bad_of(report) == {("AU-7", "failed", "audited-key-differs", "quorum")}
    assert found_by(report, "AU-7") == "quorum threshold: 2"


def test_au_7_a_backend_that_is_not_installed(made: dict[str, Made]) -> None:
    item = made["digits_mlp"]
    (model,) = verifiable.make_lock([item.program]).models
    keys = {**model.backends, "unheard-of": {"key": "00"}}
    report = verifiable.audit(
        item.model, item.path, lock=Lock(models=(replace(model, backends=keys),))
    )
    assert bad_of(report) == {("AU-7", "undecided", UNDERIVED, "unheard-of")}


def test_locked_options_choose_the_key(made: dict[str, Made]) -> None:
    item = made["digits_mlp"]
    lock = verifiable.make_lock([item.program], weights="public")
    assert verifiable.audit(item.model, item.path, lock=lock).commitments == "equal"


# -- the record -----------------------------------------------------------------------------------


def recorded(made, scene, record: bytes, **more):
    item = made["sigmoid"]
    given = {"game": scene.game, "policy": SIMULATED, "allow_local_chain": True, **more}
    return verifiable.audit(item.model, item.path, registry=scene.url, record=record, **given)


def test_au_6_a_record_of_another_program(made, scene) -> None:
    report = recorded(made, scene, scene.other)
    assert bad_of(report) == {("AU-6", "failed", "audited-root-not-registered", "")}
    statuses = {item.check.status for item in report.findings if item.check.id == "AU-8"}
    assert (statuses, report.keys) == ({"skipped"}, ())


def test_a_record_that_does_not_count_or_is_not_there(made, scene) -> None:
    report = recorded(made, scene, scene.right, allow_local_chain=False)
    assert {item[:2] for item in bad_of(report)} == {("RG-2", "failed")}
    report = recorded(made, scene, b"\x01" * 32)
    assert bad_of(report) == {("RG-5", "undecided", "no-record", "")}
    assert report.commitments == "undecided"


def test_au_8_wrong_keys_in_the_record(made, scene) -> None:
    assert recorded(made, scene, scene.right).commitments == "equal"
    report = recorded(made, scene, scene.wrong)
    assert bad_of(report) == {
        ("AU-8", "failed", "audited-registered-key-differs", name)
        for name in ("gkr", "tee", "optimistic")
    }
    report = recorded(made, scene, scene.right, game=scene.other_game)
    assert bad_of(report) == {("AU-8", "failed", "audited-registered-key-differs", "optimistic")}


def test_au_8_a_key_that_is_not_derived_is_undecided(made, scene) -> None:
    report = recorded(made, scene, scene.right, game=None)
    assert bad_of(report) == {("AU-8", "undecided", UNDERIVED, "optimistic")}
    report = recorded(made, scene, scene.wrong, backends=("gkr", "optimistic"), policy=None)
    assert ("AU-8", "undecided", UNDERIVED, "tee") in bad_of(report)
    report = recorded(made, scene, scene.wrong, backends=("tee",), policy=None)
    assert {item[1:] for item in bad_of(report)} == {
        ("undecided", UNDERIVED, name) for name in ("gkr", "tee", "optimistic")
    }


def test_au_8_a_game_that_is_none(made, scene) -> None:
    report = recorded(made, scene, scene.right, game=b"\x11" * 20)
    assert bad_of(report) == {("AU-8", "failed", "audited-registered-key-differs", "optimistic")}


def test_au_8_lock_and_record_differ_in_a_key_that_is_not_derived(made, scene) -> None:
    report = recorded(made, scene, scene.wrong, lock=scene.lock, backends=("gkr", "optimistic"))
    assert ("AU-8", "failed", "audited-registered-key-differs", "tee") in bad_of(report)
    assert ("AU-7", "undecided", UNDERIVED, "tee") in bad_of(report)


# -- data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn"])
def test_labelled_data(made: dict[str, Made], name: str) -> None:
    item = made[name]
    report = verifiable.audit(item.model, item.path, data=TEST, floor=9900)
    assert report.agreement is not None
    labelled = report.agreement.labelled
    assert labelled is not None
    assert labelled.rows == report.agreement.compared.rows == 450
    assert min(labelled.float_right, labelled.program_right) > 430
    assert report.result == "passed"


def test_unlabelled_data(made: dict[str, Made]) -> None:
    item = made["sigmoid"]
    report = verifiable.audit(item.model, item.path, data=dict(item.rows))
    assert report.agreement is not None
    assert report.agreement.labelled is None
    assert report.agreement.compared.rows == 64
    assert "AU-9" not in ids_of(report)


def coarse(item: Made) -> verifiable.Program:
    """A program of the same model with scales that nobody calibrated, hundreds of times too big."""
    scales = decode_scales(item.program.metadata["scales"])
    coarser = {name: replace(entry, scale=entry.scale * 256) for name, entry in scales.items()}
    return verifiable.compile(item.model, scales=encode_scales(coarser))


def test_au_9_a_program_that_decides_otherwise(made: dict[str, Made]) -> None:
    item = made["digits_mlp"]
    program = coarse(item)
    lock = verifiable.make_lock([program])
    report = verifiable.audit(item.model, program, lock=lock, data=TEST, floor=9900)
    assert bad_of(report) == {("AU-9", "failed", "agreement-below-floor", "")}
    # bad scales are no difference: what is committed to follows from them
    assert (report.commitments, report.result) == ("equal", "failed")


def test_au_9_one_number_decides_nothing() -> None:
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
            "one",
            [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 4])],
            [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 1])],
            [onnx.numpy_helper.from_array(np.ones((4, 1), np.float32), "w")],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
    )
    rows = {"x": np.random.default_rng(1).normal(size=(8, 4)).astype(np.float32)}
    program = verifiable.compile(model, calibration=rows)
    report = verifiable.audit(model, program, data=rows, floor=1)
    assert bad_of(report) == {("AU-9", "undecided", "agreement-not-measurable", "")}
    assert (report.commitments, report.result) == ("equal", "undecided")


def test_data_that_do_not_fit_are_refused_before_anything_costly(made: dict[str, Made]) -> None:
    item = made["digits_mlp"]
    seen: list[str] = []
    with pytest.raises(MalformedInput) as caught:
        verifiable.audit(
            item.model,
            item.path,
            data={"other": np.zeros((1, 4))},
            progress=lambda event: seen.append(event.phase),
        )
    assert caught.value.code == "wrong-names"
    assert set(seen) == {"audit"}
    rows = dict(item.rows)
    labels = np.zeros(3, dtype=np.int64)
    with pytest.raises(MalformedInput) as caught:
        verifiable.audit(item.model, item.path, data={**rows, "labels": labels})
    assert caught.value.code == "labels-missing"


# -- what cannot be audited -----------------------------------------------------------------------


def test_a_float_model_needs_scales(made: dict[str, Made]) -> None:
    item = made["digits_mlp"]
    lock = verifiable.make_lock([item.program])
    bare = replace(item.program, metadata=MappingProxyType({}))
    for program in (None, bare):
        with pytest.raises(InvalidInput) as caught:
            verifiable.audit(item.model, program, lock=lock)
        assert caught.value.code == "audit-needs-scales"


@pytest.mark.parametrize(
    "options",
    [
        "",
        "[]",
        "{}",
        '{"cut_output":1,"per_channel":true,"shapes":{},"weights":"int8"}',
        '{"cut_output":false,"per_channel":true,"shapes":{},"weights":"int4"}',
        '{"cut_output":false,"per_channel":true,"shapes":[],"weights":"int8"}',
        '{"cut_output":false,"per_channel":true,"shapes":{"x":[0]},"weights":"int8"}',
        "[" * 5000,
    ],
)
def test_metadata_that_nobody_compiled(made: dict[str, Made], options: str) -> None:
    item = made["digits_mlp"]
    metadata = {**item.program.metadata, "options": options}
    forged = replace(item.program, metadata=MappingProxyType(metadata))
    with pytest.raises(MalformedModel) as caught:
        verifiable.audit(item.model, forged)
    assert caught.value.code == "malformed-recipe"


def test_arguments_that_leave_nothing_or_contradict(made: dict[str, Made]) -> None:
    item = made["digits_mlp"]
    lock = verifiable.make_lock([item.program], names=["mine"])
    for code, more in {
        "nothing-to-audit": {"program": None},
        "floor-without-data": {"floor": 9700},
        "bad-floor": {"floor": 10001, "data": CALIBRATION},
        "unknown-backend": {"backends": ("unheard-of",)},
        "unknown-model": {"lock": lock, "name": "yours"},
        "registry-needed": {"record": b"\x01" * 32},
    }.items():
        with pytest.raises(verifiable.VerifiableError) as caught:
            verifiable.audit(item.model, **{"program": item.path, **more})
        assert caught.value.code == code
    with pytest.raises(MalformedModel) as refused:
        verifiable.audit(item.path, item.path)
    assert refused.value.code == "already-a-program"


def test_a_cancelled_audit_ends(made: dict[str, Made]) -> None:
    cancel = verifiable.Cancellation()
    cancel.cancel()
    with pytest.raises(verifiable.Cancelled):
        verifiable.audit(made["digits_mlp"].model, made["digits_mlp"].path, cancel=cancel)


def test_each_check_can_be_run_and_each_progress_is_told(made, scene, tmp_path: Path) -> None:
    shutil.copy(scene.url.removeprefix("local:"), tmp_path / "chain.db")
    item = made["sigmoid"]
    seen: list[tuple[str, float | None]] = []
    report = verifiable.audit(
        item.model,
        item.path,
        lock=scene.lock,
        registry=f"local:{tmp_path / 'chain.db'}",
        record=scene.right,
        allow_local_chain=True,
        data=dict(item.rows),
        floor=9000,
        progress=lambda event: seen.append((event.message, event.estimate_s)),
    )
    assert {spec.id for spec in AUDIT_CHECKS} <= ids_of(report)
    assert report.result == "passed"
    estimates = dict(seen)
    assert estimates["deriving the gkr key"] is not None

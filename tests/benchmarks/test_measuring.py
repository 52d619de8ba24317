"""What the benchmarks measure, and what they conclude from figures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import growth
import pytest
from peers.bars import judge_bars, ratios
from peers.figures import slope
from peers.jstprove import JSTPROVE_VARIABLE, find_jstprove
from peers.process import Absent, Failed, backend_job, run_process
from sample_models import REPOSITORY


def figures(**changes: Any) -> dict[str, Any]:
    """One system's, with medians as given."""
    medians = {"setup_s": 1.0, "prove_s": 1.0, "verify_s": 1.0, **changes}
    plain = {
        "proof_bytes": 1000,
        "payload_bytes": 2000,
        "peak_rss_mib": 100.0,
        "soundness_bits": 100.0,
    }
    plain.update({name: medians.pop(name) for name in plain if name in medians})
    return {**{name: {"median": value} for name, value in medians.items()}, **plain}


def bar(models: dict[str, Any], name: str, system: str) -> Any:
    (found,) = [
        item
        for item in judge_bars(models)
        if item.name == name and item.system == system and not item.aim
    ]
    return found


@pytest.mark.parametrize(("prove_s", "holds"), [(0.009, True), (0.01, True), (0.0102, False)])
def test_a_ratio_is_judged_against_its_limit(prove_s: float, holds: bool) -> None:
    systems = {"ezkl": figures(), "gkr-committed": figures(prove_s=prove_s)}
    found = bar({"lenet": systems}, "prove, times faster than ezkl", "gkr-committed")
    assert found.limit == 100
    assert found.holds is holds
    assert found.to_json()["holds"] is found.holds


def test_a_limit_from_above_is_judged() -> None:
    name = "verify, seconds"
    for verify_s, holds in ((0.25, True), (0.2501, False)):
        models = {"mlp_1m": {"gkr-public": figures(verify_s=verify_s)}}
        assert bar(models, name, "gkr-public").holds is holds


@pytest.mark.parametrize("missing", [None, {"skipped": "not installed"}, {"failed": "killed"}])
def test_a_bar_without_its_peer_is_neither_cleared_nor_missed(missing: dict[str, str]) -> None:
    systems = {"gkr-committed": figures(prove_s=0.001)}
    if missing is not None:
        systems["ezkl"] = missing
    found = bar({"lenet": systems}, "prove, times faster than ezkl", "gkr-committed")
    assert found.holds is None
    assert "ezkl" in found.why


def test_the_peer_is_compared_at_its_best_and_as_it_is() -> None:
    peer = figures(prove_s=2.0, prove_as_is_s=3.0, verify_as_is_s=4.0)
    systems = {"jstprove": peer, "gkr-committed": figures(prove_s=0.5)}
    found = ratios(systems)["jstprove / gkr-committed"]
    assert (found["prove_s"], found["prove_as_is_s"], found["verify_as_is_s"]) == (4, 6, 4)
    models = {"mlp_1m": systems}
    assert bar(models, "prove, times faster than JSTprove as it is", "gkr-committed").holds
    fixed = "prove, times faster than JSTprove with its transports fixed"
    assert bar(models, fixed, "gkr-committed").holds is False


SIZES = (1_000, 200_000, 500_000, 1_000_000)


def points(exponent: float) -> list[dict[str, Any]]:
    return [
        {
            "kind": "mlp",
            "system": "gkr-public",
            "parameters": size,
            "activations": size,
            **figures(prove_s=size**exponent),
        }
        for size in SIZES
    ]


@pytest.mark.parametrize(("exponent", "linear"), [(0.6, True), (1.0, True), (1.02, False)])
def test_growth_above_linear_is_seen(exponent: float, linear: bool) -> None:
    (fit,) = growth.fits(points(exponent - 1e-9))
    assert fit["at_most_linear"] is linear
    assert fit["exponents"]["prove_s"] == pytest.approx(exponent, abs=1e-3)


def test_fixed_costs_do_not_hide_the_growth_of_the_largest() -> None:
    rows = points(1.3)
    for row in rows:
        row["prove_s"]["median"] += 1e6  # seconds that all sizes have in common
    (fit,) = growth.fits(rows)
    assert fit["exponents"]["prove_s"] <= 1
    assert not fit["at_most_linear"]


def test_slope_of_a_power_law() -> None:
    assert slope([1, 2, 4], [3, 12, 48]) == pytest.approx(2)


def test_a_peer_that_is_absent_is_named_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(JSTPROVE_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Absent, match=r"not installed: give --jstprove or set JSTPROVE"):
        find_jstprove(None)
    with pytest.raises(Absent, match="there is no jst in"):
        find_jstprove(str(tmp_path))
    monkeypatch.setenv(JSTPROVE_VARIABLE, str(tmp_path / "bin" / "python"))
    with pytest.raises(Absent, match="there is no jst in"):
        find_jstprove(None)


def test_memory_and_status_of_a_process_are_measured() -> None:
    waste = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'bytearray(300 << 20)'])"
    done = run_process([sys.executable, "-c", waste])
    assert done.status == 0
    assert done.peak_rss_mib > 300  # a grandchild's
    assert run_process([sys.executable, "-c", "raise SystemExit(3)"]).status == 3
    with pytest.raises(Failed, match="no-such-command"):
        run_process(["no-such-command"])


def test_a_job_gives_its_figures_or_says_why_not(tmp_path: Path) -> None:
    models = REPOSITORY / "models"
    request = {
        "job": "compile",
        "model": str(models / "digits_mlp.onnx"),
        "calibration": str(models / "digits_calibration.npz"),
        "program": str(tmp_path / "program.onnx"),
    }
    found = backend_job(tmp_path, request)
    assert found["parameters"] == 2452
    assert found["peak_rss_mib"] > 20
    with pytest.raises(Failed, match=r"compile ended with status 1: .*no-such-file"):
        backend_job(tmp_path, {**request, "model": "no-such-file.onnx"})


@pytest.mark.parametrize("kind", growth.KINDS)
def test_families_have_the_size_that_is_asked_for(kind: str, tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("model", "calibration")}
    files = {"model": f"{files['model']}.onnx", "calibration": f"{files['calibration']}.npz"}
    asked = {"job": "family", "kind": kind, "parameters": 10_000, "seed": 1, **files}
    assert backend_job(tmp_path, asked)["float_parameters"] == pytest.approx(10_000, rel=0.1)
    program = str(tmp_path / "program.onnx")
    compiled = backend_job(tmp_path, {"job": "compile", "program": program, **files})
    assert compiled["parameters"] == pytest.approx(10_000, rel=0.1)

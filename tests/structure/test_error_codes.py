"""Every error code of the sources is explained, and every explanation has a code."""

from __future__ import annotations

from pathlib import Path

from error_code_scan import codes_in

from verifiable.backends.registry import backend_ids, get_backend
from verifiable.cli.codes import CODES
from verifiable.integrity.checks import INTEGRITY_CHECKS
from verifiable.statement.checks import STATEMENT_CHECKS
from verifiable.statement.registry import REGISTRY_CHECKS

REPOSITORY = Path(__file__).resolve().parents[2]
# made from the name of a child process's end, see backends/ezkl/phases.py
COMPOSED = {"ezkl-error", "ezkl-panic"}


def test_the_table_is_complete() -> None:
    found = codes_in((REPOSITORY / "verifiable", REPOSITORY / "cli", REPOSITORY / "circuits"))
    assert len(found) > 100
    missing = {code: files for code, files in found.items() if code not in CODES}
    assert not missing, "explain these codes in cli/codes.py"
    assert set(CODES) - set(found) == COMPOSED


def test_codes_of_checks_are_explained() -> None:
    specs = [*STATEMENT_CHECKS, *REGISTRY_CHECKS, *INTEGRITY_CHECKS]
    for name in backend_ids():
        specs += get_backend(name).checks
    assert len(specs) > 20
    assert not {code for spec in specs for code in spec.codes} - set(CODES)


def test_explanations_are_sentences() -> None:
    for code, text in CODES.items():
        assert not text[0].islower() or text.split()[0] in ("ezkl", "ezkl's", "onnxruntime"), code
        assert text.endswith("."), code

"""A report in the forms that other tools read: SARIF, a step summary, an in-toto statement."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import quote

from verifiable.integrity.checks import INTEGRITY_CHECKS
from verifiable.integrity.places import Region, places_of
from verifiable.integrity.report import Finding, Report

__all__ = ["PREDICATE_TYPE", "dump", "in_toto_statement", "sarif_log", "step_summary"]

PREDICATE_TYPE = "urn:verifiable:model-check:v1"
"""Of the in-toto statement that says what was checked, and what came of it."""

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_MARKS = {"passed": "passed", "failed": "**failed**", "undecided": "**undecided**"}
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>~&@:-])")
_SHOWN_LINES = 200


def sarif_log(report: Report, *, version: str, base: Path) -> dict[str, object]:
    """The report as a SARIF 2.1.0 log with one run; results point at lines of the lock.

    Args:
        report: of a check.
        version: of this package.
        base: the root of the repository, which paths are relative to.
    """
    places = places_of(report.lock_data.decode("utf-8"))
    rules = [
        {
            "id": spec.id,
            "name": spec.codes[0],
            "shortDescription": {"text": spec.name},
            "fullDescription": {"text": spec.refuses.replace("`", "")},
            "defaultConfiguration": {"level": "error"},
        }
        for spec in INTEGRITY_CHECKS
    ]
    numbers = {spec.id: number for number, spec in enumerate(INTEGRITY_CHECKS)}
    lock = Path(report.lock)
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "verifiable", "semanticVersion": version, "rules": rules}
                },
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"SRCROOT": {"uri": _folder_uri(base)}},
                "invocations": [
                    {"executionSuccessful": True, "properties": {"result": report.result}}
                ],
                "results": [
                    {
                        "ruleId": item.check.id,
                        "ruleIndex": numbers[item.check.id],
                        "level": "error" if item.check.status == "failed" else "warning",
                        "message": {"text": _message(item)},
                        "locations": [
                            _location(lock, base, _region(places, item.pointer)),
                        ],
                        **_related(item, lock.parent, base),
                        "partialFingerprints": {
                            "check/v1": f"{item.check.id}:{item.model}:{item.path}"
                        },
                    }
                    for item in report.bad
                ],
            }
        ],
    }


def step_summary(report: Report) -> str:
    """The report as Markdown for people, names and texts of files as plain text."""
    lines = [
        f"### Models: {_MARKS[report.result]}",
        "",
        f"Lock {_plain(report.lock)}, level {report.level}, "
        f"{len(report.files)} model files, {len(report.findings)} checks.",
        "",
    ]
    if report.bad:
        lines += ["| check | model | file | expected | found |", "| --- | --- | --- | --- | --- |"]
        for item in report.bad[:_SHOWN_LINES]:
            cells = (
                f"{item.check.id} {item.check.name}",
                item.model,
                item.path,
                item.check.expected,
                item.check.found,
            )
            lines.append(f"| {' | '.join(_plain(cell) for cell in cells)} |")
        if len(report.bad) > _SHOWN_LINES:
            lines.append(f"\n{len(report.bad) - _SHOWN_LINES} more are not shown.")
        lines.append("")
    lines += ["Not established:", ""]
    lines += [f"- {_plain(sentence)}" for sentence in report.does_not_establish]
    return "\n".join(lines) + "\n"


def in_toto_statement(report: Report, *, version: str) -> dict[str, object]:
    """The report as an in-toto statement, version 1; unsigned.

    The subjects are the model files as they were found. Whoever relies on one demands that the
    predicate's `result` is `passed`.
    """
    return {
        "_type": _STATEMENT,
        "subject": [
            {"name": item.path, "digest": {"sha256": item.sha256.hex()}} for item in report.files
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"verifier": {"name": "verifiable", "version": version}, **report.to_json()},
    }


def _message(item: Finding) -> str:
    check = item.check
    about = f" of {item.model!r}" if item.model else ""
    where = f" ({item.path})" if item.path else ""
    text = f"{check.id} {check.name}{about}{where} [{check.code}]"
    for label, value in (("expected", check.expected), ("found", check.found)):
        text += f"; {label}: {value}" if value else ""
    return text + (f". {check.hint[0].upper()}{check.hint[1:]}." if check.hint else ".")


def _region(places: dict[tuple[str | int, ...], Region], pointer: tuple[str | int, ...]) -> Region:
    """The place of a value, or of the nearest thing around it."""
    # CI findings about the whole have the empty pointer, which is always there
    while pointer not in places:
        pointer = pointer[:-1]
    return places[pointer]


def _location(path: Path, base: Path, region: Region | None) -> dict[str, object]:
    physical: dict[str, object] = {"artifactLocation": _artifact(path, base)}
    if region is not None:
        physical["region"] = {
            "startLine": region.start_line,
            "startColumn": region.start_column,
            "endLine": region.end_line,
            "endColumn": region.end_column,
        }
    return {"physicalLocation": physical}


def _related(item: Finding, folder: Path, base: Path) -> dict[str, object]:
    """The file that a finding is about, beside the line of the lock."""
    if not item.path:
        return {}
    path = folder / item.path if item.pointer else Path(item.path)
    return {"relatedLocations": [{"id": 1, **_location(path, base, None)}]}


def _artifact(path: Path, base: Path) -> dict[str, object]:
    relative = os.path.relpath(path, base)
    if relative.split(os.sep)[0] == "..":
        return {"uri": Path(os.path.abspath(path)).as_uri()}
    return {"uri": quote(Path(relative).as_posix()), "uriBaseId": "SRCROOT"}


def _folder_uri(folder: Path) -> str:
    return Path(os.path.abspath(folder)).as_uri() + "/"


def _plain(text: str) -> str:
    """Text that no reader of Markdown takes for markup, on one line."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return _MARKUP.sub(r"\\\1", shown)


def dump(document: dict[str, object]) -> bytes:
    """The bytes of a document's file."""
    return json.dumps(document, indent=2, ensure_ascii=True).encode("ascii") + b"\n"

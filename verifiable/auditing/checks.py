"""The checks of an audit, as the documentation lists them: one id, one code each."""

from __future__ import annotations

from verifiable.statement.checks import CheckSpec

__all__ = ["AUDIT_CHECKS"]

AU_1 = CheckSpec(
    id="AU-1",
    name="graph derived again",
    codes=("audited-graph-differs",),
    refuses="A program with another node than the one that model and scales give: another "
    "operator, attribute, order or shape.",
)
AU_2 = CheckSpec(
    id="AU-2",
    name="weights derived again",
    codes=("audited-weights-differ",),
    refuses="A program with another weight, bias or multiplier than the one that model and scales "
    "give: one integer is enough.",
)
AU_3 = CheckSpec(
    id="AU-3",
    name="tables derived again",
    codes=("audited-tables-differ",),
    refuses="A program with another table of a function than the one that model and scales give.",
)
AU_4 = CheckSpec(
    id="AU-4",
    name="schema derived again",
    codes=("audited-schema-differs",),
    refuses="A program whose inputs or outputs have other names, shapes, bounds, scales or zero "
    "points than model and scales give.",
)
AU_5 = CheckSpec(
    id="AU-5",
    name="program locked",
    codes=("audited-root-not-locked",),
    refuses="A lock whose entry names another program than the one that was derived, or that has "
    "no entry for it.",
)
AU_6 = CheckSpec(
    id="AU-6",
    name="program registered",
    codes=("audited-root-not-registered",),
    refuses="A record on chain that names another program than the one that was derived.",
)
AU_7 = CheckSpec(
    id="AU-7",
    name="locked key derived again",
    codes=("audited-key-differs", "audited-key-not-derived"),
    refuses="A key in the lock other than the one that was derived; undecided for a key that was "
    "left out, could not be derived here, or follows from no program.",
)
AU_8 = CheckSpec(
    id="AU-8",
    name="registered key derived again",
    codes=("audited-registered-key-differs", "audited-key-not-derived"),
    refuses="A key in the record other than the one that was derived, or, where it follows from no "
    "program, than the lock's; undecided as AU-7.",
)
AU_9 = CheckSpec(
    id="AU-9",
    name="agreement with the float model",
    codes=("agreement-below-floor", "agreement-not-measurable"),
    refuses="A program that decides as the float model does on fewer rows of the given data than "
    "the given floor; no commitment is wrong by that.",
)

AUDIT_CHECKS = (AU_1, AU_2, AU_3, AU_4, AU_5, AU_6, AU_7, AU_8, AU_9)
"""In the order in which they are run."""

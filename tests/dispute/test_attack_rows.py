"""Each known attack on the game has a test; rows about requests and adapters come with those."""

from __future__ import annotations

import re
from pathlib import Path

ROWS = {
    "A1": "another output than the trace's",
    "A2": "one wrong intermediate, consistent afterwards",
    "A3": "an operator off by one, at ends, ties and signs",
    "A4": "other weights, bias, multiplier, shift or table",
    "A5": "the trace of another input",
    "A6": "another graph: missing, reordered or additional nodes, references forward",
    "A7": "padding that is not canonical, other heights and widths",
    "A8": "a leaf for an inner node, branches of other lengths, positions outside",
    "B1": "silence of either side in any phase",
    "B2": "moves and timeouts around a deadline",
    "B3": "moves out of turn and after the end",
    "B4": "reveals and selections of what is not there",
    "B5": "foreign tensors and descriptors between phases",
    "B6": "a challenge of a right element",
    "B7": "an absent asserter, and junk from third parties",
    "B8": "a reduction in parts with a wrong part, or a wrong sum",
    "C1": "what was used once, or elsewhere, again",
    "C2": "a second game to reset a clock",
    "C3": "settling and paying twice",
    "D1": "a friend that loses on purpose",
    "D2": "many false challengers",
    "D3": "many wrong assertions beside a right one",
    "D4": "right and wrong challengers side by side",
    "D5": "rejecting a lie of one's own",
    "D6": "opening a game and leaving it",
    "E1": "a copied proof",
    "E2": "a copied result",
    "E3": "squatting on an answer",
    "E4": "censorship up to the last second of each turn",
    "F1": "receivers that call back, refuse or burn gas",
    "F2": "wrong, forced and stray payments, and an owner",
    "F3": "thousands of games, large arguments, deep programs",
    "F4": "limits of gas and failing verifiers",
    "F5": "signs, rounding and the largest bonds",
}
"""Every row about the game itself."""


def test_each_row_has_a_test() -> None:
    texts = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_attack_*.py")]
    found = [row for text in texts for row in re.findall(r"^def test_([a-f]\d)_", text, re.M)]
    assert {row.upper() for row in found} == set(ROWS)

"""The stored results: whole, judged and shown as today's code does, and of one statement each."""

from __future__ import annotations

import json

import growth
import zk_peers
from peers.bars import judge_bars
from peers.tables import growth_tables, peers_tables
from sample_models import REPOSITORY

RESULTS = REPOSITORY / "benchmarks" / "results"


def test_the_stored_peers_are_judged_as_today_and_shown_as_they_are() -> None:
    stored = json.loads((RESULTS / "zk_peers.json").read_text("utf-8"))
    assert set(stored["models"]) == set(zk_peers.DATA)
    models = {name: model["systems"] for name, model in stored["models"].items()}
    assert [item.to_json() for item in judge_bars(models)] == stored["bars"]
    assert (RESULTS / "zk_peers.md").read_text("utf-8") == peers_tables(stored)


def test_stored_proofs_of_one_input_carry_one_statement() -> None:
    stored = json.loads((RESULTS / "zk_peers.json").read_text("utf-8"))
    for name, model in stored["models"].items():
        systems = model["systems"]
        ours, public = (systems[system]["statement_digests"] for system in zk_peers.GKR)
        theirs = systems["ezkl"]["statement_digests"]
        assert ours == public, name
        assert theirs, name
        assert theirs == ours[: len(theirs)], name


def test_the_stored_growth_is_fitted_as_today_and_shown_as_it_is() -> None:
    stored = json.loads((RESULTS / "growth.json").read_text("utf-8"))
    assert growth.fits(stored["points"]) == stored["fits"]
    assert (RESULTS / "growth.md").read_text("utf-8") == growth_tables(stored)
    assert (RESULTS / "growth.png").stat().st_size < 200_000

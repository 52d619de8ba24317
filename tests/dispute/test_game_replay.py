"""The page of a game: it shows what was played, loads nothing, and runs nothing of a stranger's."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from dispute_kit import World, journal_in, tiny_inputs

from verifiable.chain.contracts.dispute_structs import Phase
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.game_log import GameLog
from verifiable.dispute.history import History, Stand, read_history
from verifiable.dispute.material import Material
from verifiable.dispute.pictures import (
    Descent,
    Graph,
    clocks_picture,
    descent,
    descent_picture,
    graph_picture,
)
from verifiable.dispute.replay import replay_page
from verifiable.errors import ChainError
from verifiable.testing.lying_traces import wrong_element

NODE, ELEMENT = 2, 40
HOSTILE = (
    "https://x.example/\"'><script>alert(1)</script><img src=//evil.example/x onerror=alert(2)>"
    "</title></style><svg onload=alert(3)>\u202e\u0000\n&lt;"
)


class Parsed(HTMLParser):
    """All tags and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def played(world: World, material: Material, tmp_path_factory) -> History:
    """A lie with a hostile address of its trace, found in a game; strangers commit meanwhile."""
    folder: Path = tmp_path_factory.mktemp("replay")
    inputs = tiny_inputs(20_001)  # nobody else has these
    liar = Asserter(
        world.game,
        world.person(),
        journal_in(folder),
        wrong_element(material, inputs, node=NODE, element=ELEMENT),
        trace_uri=HOSTILE,
    )
    challenger = Challenger(world.game, world.person(), journal_in(folder), material, [inputs])
    liar.step()
    stranger = world.person()
    world.game.commit(stranger, b"\x77" * 32)
    world.play(liar, challenger)
    log = GameLog(world.game)
    log.refresh()
    assert liar.assertion is not None
    return read_history(world.game, log, liar.assertion.id)


@pytest.fixture(scope="module")
def page(played: History, material: Material) -> str:
    return replay_page(played, Graph.of(material.program))


def test_the_history_has_the_commits_that_were_used_and_no_others(played: History) -> None:
    actions = [move.action for move in played.moves]
    assert actions[:2] == ["commit", "assertResult"]
    assert actions[-2:] == ["commit", "proveStep"]
    assert actions.count("commit") == 2
    assert {played.role(move.by) for move in played.moves} == {"asserter", "challenger"}
    assert played.gas_total == sum(move.gas_used for move in played.moves)
    assert [move.value for move in played.moves if move.value] == [
        played.params.bond_a,
        played.params.bond_c,
    ]


def test_nothing_of_a_strangers_text_becomes_markup(page: str) -> None:
    parsed = Parsed(page)
    assert "script" not in parsed.tags
    assert "img" not in parsed.tags
    assert not [name for _, name, _ in parsed.attributes if name.startswith("on")]
    assert not [name for _, name, _ in parsed.attributes if name in ("src", "href", "srcset")]
    assert "<script" not in page
    assert "\u202e" not in page
    assert "\x00" not in page
    assert "<script>alert(1)</script><img" in parsed.text  # it is shown, as text
    assert "\\u202e\\x00\\n&lt;" in parsed.text


def test_a_hostile_program_does_no_harm_either(played: History) -> None:
    graph = Graph(names=(HOSTILE,) * 5, operands=((), (0,), (0, 1), (2,), (3,)))
    parsed = Parsed(replay_page(played, graph))
    assert "script" not in parsed.tags
    assert "img" not in parsed.tags
    assert not [name for _, name, _ in parsed.attributes if name.startswith("on")]


def test_the_page_loads_nothing_and_forbids_it(page: str) -> None:
    parsed = Parsed(page)
    assert not {"link", "iframe", "object", "embed", "form", "a", "base"} & set(parsed.tags)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    policies = [
        value for tag, name, value in parsed.attributes if (tag, name) == ("meta", "content")
    ]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policies
    assert page.startswith("<!doctype html>")


def test_the_page_serves_light_and_dark(page: str) -> None:
    assert "color-scheme:light dark" in page
    (light,) = re.findall(r":root\{color-scheme[^}]*\}", page)
    (dark,) = re.findall(r"prefers-color-scheme:dark\)\{:root\{[^}]*\}", page)
    names = re.findall(r"(--\w+):", light)
    assert sorted(names) == sorted(re.findall(r"(--\w+):", dark))
    pictures = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert not re.search(r'(fill|stroke)="', pictures)  # colours come from the classes alone


def test_its_pictures_are_whole_and_mark_what_was_disputed(page: str) -> None:
    pictures = [
        ElementTree.fromstring(text)  # noqa: S314 - made here
        for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    ]
    graph, way, clocks = pictures
    boxes = graph.findall(".//rect")
    assert len(boxes) == 5
    assert [box.get("class") for box in boxes] == [
        "node read",
        "node read",
        "node bad",
        *["node "] * 2,
    ]
    assert [path.get("class") for path in graph.findall("path")].count("edge bad") == 2
    chosen = [rect for rect in way.findall("rect") if rect.get("class") == "cell bad"]
    assert len(chosen) == len(way.findall("path")) + 1  # each but the last opens into the next
    lines = [path.get("class") for path in clocks.findall("path")]
    assert {"line asserter", "line challenger"} <= set(lines)
    for picture in pictures:
        assert picture.get("role") == "img"
        assert picture.get("aria-label")
        _, _, width, height = map(float, picture.get("viewBox", "").split())
        for rect in picture.iter("rect"):
            assert 0 <= float(rect.get("x", "")) <= width - float(rect.get("width", "")) + 0.2
            assert 0 <= float(rect.get("y", "")) <= height - float(rect.get("height", ""))


def test_the_table_has_every_move_with_its_gas(page: str, played: History) -> None:
    (body,) = re.findall(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    assert len(rows) == len(played.moves)
    for row, move in zip(rows, played.moves, strict=True):
        assert f"<td>{move.action}</td>" in row
        assert f"{move.gas_used:,}</td>" in row
    assert "0.25 ether burned" in rows[-1]


def test_one_game_alone(played: History, material: Material) -> None:
    (game,) = played.games
    page = replay_page(played, Graph.of(material.program), game_id=game.id)
    assert f"<h2>Game {game.id}</h2>" in page
    other = replay_page(played, Graph.of(material.program), game_id=game.id + 1)
    assert "<h2>Game" not in other
    assert "openGame" not in other


def test_the_way_down_ends_at_the_wrong_leaf(played: History) -> None:
    steps = descent(played.moves)
    assert [(step.place, step.bottom) for step in steps] == [("trace", 0), (f"tensor {NODE}", 0)]
    assert [step.index for step in steps] == [NODE, ELEMENT // 32]


def test_a_jump_over_a_large_tensor_stays_a_small_picture() -> None:
    text = descent_picture([Descent(place="tensor 3", top=20, bottom=0, index=777_777)])
    assert len(text) < 2000
    (chosen,) = [
        rect
        for rect in ElementTree.fromstring(text).findall("rect")  # noqa: S314 - made here
        if rect.get("class") == "cell bad"
    ]
    place = 150 + 900 * 777_777 / 2**20
    assert abs(float(chosen.get("x", "")) - place) < 0.1


def test_a_large_program_is_shown_around_the_disputed_node() -> None:
    count = 5000
    graph = Graph(names=("Add",) * count, operands=((), *((node - 1,) for node in range(1, count))))
    text = graph_picture(graph, 2500)
    assert text.count("<rect") == 25
    assert "node 2500" in text
    assert Graph.of_count(count).names == ("",) * count


def test_clocks_fall_while_a_side_thinks_and_rise_by_grace(played: History) -> None:
    def stand(turn: bool, clock_a: int, clock_c: int) -> Stand:
        return Stand(
            phase=Phase.TRACE,
            asserter_turn=turn,
            node=0,
            height=4,
            index=0,
            clock_asserter_s=clock_a,
            clock_challenger_s=clock_c,
            since_s=0,
        )

    first = played.moves[0]
    moves = [
        replace(first, time_s=1000, stand=stand(True, 100, 100)),
        replace(first, time_s=1095, stand=stand(False, 5, 100)),
        replace(first, time_s=1096, stand=stand(True, 60, 99)),
    ]
    picture = ElementTree.fromstring(clocks_picture(moves))  # noqa: S314 - made here
    (asserter,) = [
        path.get("d", "")
        for path in picture.findall("path")
        if path.get("class") == "line asserter"
    ]
    points = [float(pair.split()[1]) for pair in asserter[1:].split("L")]
    assert len(points) == 3
    assert points[1] > points[2] > points[0]  # downwards is larger
    assert clocks_picture([replace(first, stand=None)]) == ""


def test_an_unknown_assertion(world: World) -> None:
    log = GameLog(world.game)
    log.refresh()
    with pytest.raises(ChainError) as caught:
        read_history(world.game, log, b"\x11" * 32)
    assert caught.value.code == "unknown-assertion"


def test_what_a_lying_node_tells_breaks_no_picture(played: History) -> None:
    page = replay_page(played, Graph.of_count(1))  # too few nodes for what was disputed
    assert "No node was disputed" in page
    assert "<svg" not in replay_page(replace(played, moves=()), Graph.of_count(0))
    assert "<svg" in descent_picture([Descent(place="trace", top=0, bottom=9, index=5)])

"""A finished or running game as one HTML page that loads nothing and runs nothing.

Much of what it shows was written by strangers (addresses of traces, names in a program). All of it
is escaped, and the page forbids scripts and loading besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from verifiable.chain.addresses import checksummed
from verifiable.chain.contracts.dispute_structs import (
    AssertionStatus,
    FaultKind,
    GameStatus,
    Phase,
)
from verifiable.dispute.game_log import GameState
from verifiable.dispute.history import History, PlayedMove
from verifiable.dispute.pictures import (
    Graph,
    clocks_picture,
    descent,
    descent_picture,
    graph_picture,
    shown_text,
)

__all__ = ["replay_page"]

_VERDICTS = {
    AssertionStatus.PENDING: ("open", "pending: it can still be challenged"),
    AssertionStatus.REJECTED: ("bad", "rejected: it was shown to be wrong, or not defended"),
    AssertionStatus.FINALIZED: ("good", "final: nobody showed it to be wrong in time"),
    AssertionStatus.NONE: ("open", "unknown"),
}
_ENDS = {
    GameStatus.OPEN: "open",
    GameStatus.WON: "won by the challenger",
    GameStatus.LOST: "lost by the challenger",
    GameStatus.CLOSED: "closed: the assertion was rejected elsewhere",
    GameStatus.NONE: "unknown",
}

_STYLE = """
:root{color-scheme:light dark;--paper:#fbfbf9;--ink:#1c1f24;--soft:#5a6270;--line:#d5d8de;
--panel:#fff;--asserter:#1f5fbf;--challenger:#a8480a;--bad:#b3261e;--good:#1d7044;
--badfill:#f9dedc;--readfill:#dfe9f8}
@media(prefers-color-scheme:dark){:root{--paper:#14171c;--ink:#e6e8eb;--soft:#a2a9b5;
--line:#3a404a;--panel:#1b1f26;--asserter:#7fb2ff;--challenger:#ffb066;--bad:#ff8a80;
--good:#7bd8a4;--badfill:#4d2422;--readfill:#22344f}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1120px;padding:24px;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:28px 0 8px}
p{margin:4px 0 10px}code,td.hex,dd{font-family:ui-monospace,monospace;font-size:13px}
.verdict{display:inline-block;padding:3px 10px;border-radius:6px;border:1px solid currentColor}
.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--soft)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:12px 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.panel{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:12px;
overflow-x:auto}
svg{display:block;width:100%;min-width:760px;height:auto}
svg text{fill:var(--ink);font-family:system-ui,sans-serif}
.small{font-size:11px}.tiny{font-size:10px}
svg text.asserter{fill:var(--asserter)}svg text.challenger{fill:var(--challenger)}
.node,.cell{fill:var(--panel);stroke:var(--soft);stroke-width:1}
.node.bad,.cell.bad{fill:var(--badfill);stroke:var(--bad);stroke-width:2}
.node.read{fill:var(--readfill);stroke:var(--asserter)}
.edge{fill:none;stroke:var(--soft);stroke-width:1}.edge.bad{stroke:var(--bad);stroke-width:2}
.opens{fill:var(--badfill);opacity:.6}
.axis{fill:none;stroke:var(--soft)}.grid{fill:none;stroke:var(--line);stroke-width:.6}
.line{fill:none;stroke-width:2}.line.asserter{stroke:var(--asserter)}
.line.challenger{stroke:var(--challenger);stroke-dasharray:6 4}
table{border-collapse:collapse;width:100%;font-size:13px}
th,td{text-align:left;padding:4px 8px;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.asserter{color:var(--asserter)}td.challenger{color:var(--challenger)}
footer{color:var(--soft);font-size:13px;margin-top:28px}
"""


def replay_page(history: History, graph: Graph, *, game_id: int | None = None) -> str:
    """One self-contained page about an assertion and its games.

    Args:
        graph: of the program, or as much of it as is known.
        game_id: show this game only; None: all of them.
    """
    games = [game for game in history.games if game_id in (None, game.id)]
    wanted = {0, *(game.id for game in games)}
    moves = [move for move in history.moves if move.game_id in wanted]
    disputed = _disputed(history, moves)
    if disputed is not None and disputed >= len(graph.names):
        disputed = None  # what a node tells need not fit the program
    body = [
        _head(history),
        "<h2>The program</h2>",
        f"<p>{_graph_told(graph, disputed)}</p>",
        _panel(graph_picture(graph, disputed)),
        *(_game(game, [move for move in moves if move.game_id == game.id]) for game in games),
        _no_game(history) if not history.games else "",
        "<h2>All moves</h2>",
        _table(history, moves),
        "<footer>Made from the chain's events. The page loads nothing and runs nothing; a node "
        "that lies can make it lie.</footer>",
    ]
    title = f"Dispute of 0x{history.assertion.id[:4].hex()}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        + "\n".join(body)
        + "</body></html>\n"
    )


def _head(history: History) -> str:
    assertion = history.assertion
    style, verdict = _VERDICTS[assertion.status]
    said = assertion.statement
    rows = [
        ("assertion", f"0x{assertion.id.hex()}"),
        ("contract", f"{checksummed(history.contract)} on chain {history.chain_id}"),
        ("asserter", checksummed(assertion.asserter)),
        ("asserted at", _utc(assertion.asserted_at)),
        ("program root", f"0x{said.program_root.hex()}"),
        ("input root", f"0x{said.input_root.hex()}"),
        ("output root", f"0x{said.output_root.hex()}"),
        ("context", f"0x{said.context.hex()}"),
        ("trace root", f"0x{assertion.trace_root.hex()}"),
        ("trace data", assertion.trace_uri or "kept by the asserter"),
        (
            "bonds",
            f"asserter {_ether(history.params.bond_a)}, each challenger "
            f"{_ether(history.params.bond_c)}",
        ),
        ("window", f"{history.params.window:,} s"),
        ("gas", f"{history.gas_total:,} in {len(history.moves)} transactions"),
    ]
    if assertion.winner:
        rows.insert(4, ("rejected by", checksummed(assertion.winner)))
    listed = "".join(f"<dt>{name}</dt><dd>{shown_text(value)}</dd>" for name, value in rows)
    return (
        f'<h1>A dispute, move by move</h1><p class="verdict {style}">{shown_text(verdict)}</p>'
        f"{_fault(history)}<dl>{listed}</dl>"
    )


def _fault(history: History) -> str:
    if history.assertion.fault is None:
        return ""
    kind, node, place = history.assertion.fault
    what = "element" if kind is FaultKind.ELEMENT else "padding"
    return f"<p>Proven: {what} {place} of node {node} is wrong.</p>"


def _disputed(history: History, moves: Sequence[PlayedMove]) -> int | None:
    """The node that it came down to, if it came down to one."""
    if history.assertion.fault is not None:
        return history.assertion.fault[1]
    stands = [move.stand for move in moves if move.stand is not None]
    reached = [stand.node for stand in stands if stand.phase is not Phase.TRACE]
    return reached[-1] if reached else None


def _graph_told(graph: Graph, disputed: int | None) -> str:
    count = len(graph.names)
    told = f"{count:,} nodes, each with one tensor in the trace"
    if not any(graph.operands):
        told += "; what each reads is not on the chain (give the program to see it)"
    if disputed is None:
        return f"{told}. No node was disputed."
    read = ", ".join(str(node) for node in graph.operands[disputed])
    told += f". Node {disputed} {graph.names[disputed]}".rstrip()
    return shown_text(f"{told} was disputed" + (f"; it reads {read}." if read else "."))


def _game(game: GameState, moves: Sequence[PlayedMove]) -> str:
    steps = descent(moves)
    gas = sum(move.gas_used for move in moves)
    told = (
        f"Challenger {checksummed(game.challenger)}; {_ENDS[game.status]}; "
        f"{len(moves)} transactions, {gas:,} gas."
    )
    parts = [f"<h2>Game {game.id}</h2>", f"<p>{shown_text(told)}</p>"]
    if steps:
        parts += [
            "<p>The way down: each row is what the asserter showed, the marked box what the "
            "challenger selected.</p>",
            _panel(descent_picture(steps)),
        ]
    parts += ["<p>Both clocks:</p>", _panel(clocks_picture(moves))]
    return "".join(parts)


def _no_game(history: History) -> str:
    told = (
        "No game was needed: the proof was made from public data, in one transaction."
        if history.assertion.fault is not None
        else "No game was opened."
    )
    return f"<h2>Games</h2><p>{told}</p>"


def _table(history: History, moves: Sequence[PlayedMove]) -> str:
    head = (
        '<tr><th class="n">#</th><th class="n">time</th><th>by</th><th>move</th><th>what</th>'
        '<th class="n">gas</th><th class="n">asserter\'s clock</th>'
        '<th class="n">challenger\'s clock</th><th>coins</th></tr>'
    )
    rows = [_row(history, number, move) for number, move in enumerate(moves, start=1)]
    body = "".join(rows)
    return f'<div class="panel"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _row(history: History, number: int, move: PlayedMove) -> str:
    role = history.role(move.by)
    by = role if role != "other" else checksummed(move.by) if move.by else "unknown"
    stand = move.stand
    clocks = ("", "") if stand is None else (stand.clock_asserter_s, stand.clock_challenger_s)
    time_s = move.time_s - history.assertion.asserted_at
    cells = "".join(
        f'<td class="n">{f"{clock:,} s" if clock != "" else ""}</td>' for clock in clocks
    )
    return (
        f'<tr><td class="n">{number}</td><td class="n">{time_s:+,} s</td>'
        f'<td class="{role}">{shown_text(by)}</td><td>{shown_text(move.action)}</td>'
        f'<td>{shown_text(move.text)}</td><td class="n">{move.gas_used:,}</td>{cells}'
        f"<td>{shown_text(_coins(history, move))}</td></tr>"
    )


def _coins(history: History, move: PlayedMove) -> str:
    told = [f"bond {_ether(move.value)}"] if move.value else []
    for account, amount in move.credited:
        role = history.role(account)
        who = role if role != "other" else checksummed(account)
        told.append(f"{_ether(amount)} to {who}")
    if move.burned:
        told.append(f"{_ether(move.burned)} burned")
    return "; ".join(told)


def _panel(picture: str) -> str:
    return f'<div class="panel">{picture}</div>' if picture else ""


def _ether(wei: int) -> str:
    return f"{wei / 10**18:.6g} ether"


def _utc(time_s: int) -> str:
    try:
        return datetime.fromtimestamp(time_s, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):  # a development chain's clock can be anywhere
        return f"second {time_s}"

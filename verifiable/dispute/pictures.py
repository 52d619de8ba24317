"""Pictures of a game as SVG: the program's graph, the way down its trees, both clocks.

Colours come from classes of the page, so that one picture serves light and dark. Every text is
escaped here: some of it is a stranger's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from verifiable.chain.contracts.dispute_structs import Phase
from verifiable.dispute.history import PlayedMove, Stand
from verifiable.program.program import Program, Source

__all__ = ["Graph", "clocks_picture", "descent", "descent_picture", "graph_picture", "shown_text"]

_WIDTH = 1060
_COLUMNS = 12
_PITCH_X, _PITCH_Y = 88, 54
_BOX_W, _BOX_H = 74, 36
_MOST_NODES = 240
_NEAR = 12
_MOST_BOXES = 64
_PLOT_HEIGHT = 220


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A program as a picture needs it.

    Attributes:
        names: of the nodes' operators; empty texts if they are not known.
        operands: of each node the nodes that it reads.
    """

    names: tuple[str, ...]
    operands: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, program: Program) -> Graph:
        """The graph of a program that is at hand."""
        return cls(
            names=tuple(node.op.name for node in program.nodes),
            operands=tuple(
                tuple(item.index for item in node.operands if item.source is Source.TRACE)
                for node in program.nodes
            ),
        )

    @classmethod
    def of_count(cls, count: int) -> Graph:
        """All that the chain knows of a program: how many nodes it has."""
        shown = min(count, 1 << 20)
        return cls(names=("",) * shown, operands=((),) * shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """One selection of a challenger.

    Attributes:
        place: which tree.
        top, bottom: heights between which it went down.
        index: position that was selected, at the height `bottom`.
    """

    place: str
    top: int
    bottom: int
    index: int

    @property
    def choices(self) -> int:
        """How many nodes there were to choose from."""
        return 1 << max(0, self.top - self.bottom)

    @property
    def chosen(self) -> int:
        """Which of them it was."""
        return self.index % self.choices


def shown_text(text: object) -> str:
    """Text for HTML and SVG: escaped, and control characters made visible."""
    safe = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )
    return escape(safe, quote=True)


# --- the graph


def graph_picture(graph: Graph, disputed: int | None) -> str:
    """The program's nodes in the order in which they can be computed, the disputed one marked."""
    nodes = _nodes_to_show(graph, disputed)
    if not nodes:
        return ""
    places = _placed(graph, nodes)
    height = max(y for _, y in places.values()) + _BOX_H + 8
    read = set(graph.operands[disputed]) if disputed is not None else set()
    parts = [
        _edge(places[source], places[node], marked=node == disputed)
        for node in nodes
        for source in graph.operands[node]
        if source in places
    ]
    for node in nodes:
        kind = "bad" if node == disputed else "read" if node in read else ""
        parts.append(_box(places[node], node, graph.names[node], kind))
    what = "The program's nodes"
    if disputed is not None:
        what += f"; node {disputed} is disputed"
    return _svg(_WIDTH, height, parts, what)


def _nodes_to_show(graph: Graph, disputed: int | None) -> list[int]:
    count = len(graph.names)
    if count <= _MOST_NODES:
        return list(range(count))
    middle = disputed if disputed is not None else 0
    near = set(range(max(0, middle - _NEAR), min(count, middle + _NEAR + 1)))
    near |= set(graph.operands[middle])
    near |= {node for node in range(count) if middle in graph.operands[node]}
    return sorted(near)[:_MOST_NODES]


def _placed(graph: Graph, nodes: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Corner of each box: columns by depth, wrapped into bands; lanes where a depth has several."""
    depth: dict[int, int] = {}
    lanes: dict[int, int] = {}
    lane: dict[int, int] = {}
    known = any(graph.operands)
    for place, node in enumerate(nodes):
        above = [depth[source] for source in graph.operands[node] if source in depth]
        depth[node] = max(above, default=-1) + 1 if known else place
        lane[node] = lanes.get(depth[node], 0)
        lanes[depth[node]] = lane[node] + 1
    tops: dict[int, int] = {}
    top = 0
    for band in range(max(depth.values()) // _COLUMNS + 1):
        tops[band] = top
        inside = (count for at, count in lanes.items() if at // _COLUMNS == band)
        top += max(inside, default=1)
    return {
        node: (
            8 + (depth[node] % _COLUMNS) * _PITCH_X,
            8 + (tops[depth[node] // _COLUMNS] + lane[node]) * _PITCH_Y,
        )
        for node in nodes
    }


def _edge(start: tuple[int, int], end: tuple[int, int], *, marked: bool) -> str:
    x1, y1 = start[0] + _BOX_W, start[1] + _BOX_H // 2
    x2, y2 = end[0], end[1] + _BOX_H // 2
    style = "edge bad" if marked else "edge"
    if x2 <= x1 - _BOX_W:  # down to the next band
        x1, y1 = start[0] + _BOX_W // 2, start[1] + _BOX_H
        x2, y2 = end[0] + _BOX_W // 2, end[1]
        way = f"M{x1} {y1}C{x1} {y1 + 16} {x2} {y2 - 16} {x2} {y2}"
    elif y1 == y2 and x2 - x1 > _PITCH_X:  # over the boxes between
        way = f"M{x1} {y1}C{x1 + 18} {y1 - 30} {x2 - 18} {y2 - 30} {x2} {y2}"
    else:
        bend = (x2 - x1) // 2
        way = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return f'<path class="{style}" d="{way}"/>'


def _box(at: tuple[int, int], node: int, name: str, kind: str) -> str:
    x, y = at
    middle = x + _BOX_W / 2
    small = shown_text(name if len(name) <= 12 else name[:11] + "…")
    lower = f'<text class="tiny" x="{middle}" y="{y + 28}" text-anchor="middle">{small}</text>'
    return (
        f"<g><title>{shown_text(f'node {node} {name}'.strip())}</title>"
        f'<rect class="node {kind}" x="{x}" y="{y}" width="{_BOX_W}" height="{_BOX_H}" rx="5"/>'
        f'<text class="small" x="{middle}" y="{y + (15 if name else 22)}" text-anchor="middle">'
        f"{node}</text>{lower if name else ''}</g>"
    )


# --- the way down


def descent(moves: Iterable[PlayedMove]) -> list[Descent]:
    """The selections among the moves of one game."""
    found: list[Descent] = []
    before: Stand | None = None
    for move in moves:
        after = move.stand
        if move.action == "select" and before is not None and after is not None:
            found.append(_selected(before, after))
        before = after or before
    return found


def _selected(before: Stand, after: Stand) -> Descent:
    if before.phase is Phase.TRACE:
        to_node = after.phase is not Phase.TRACE
        return Descent(
            place="trace",
            top=before.height,
            bottom=0 if to_node else after.height,
            index=after.node if to_node else after.index,
        )
    return Descent(
        place=f"tensor {before.node}", top=before.height, bottom=after.height, index=after.index
    )


def descent_picture(steps: Sequence[Descent]) -> str:
    """One row for each selection; each chosen box opens into the next row."""
    left, width, row, gap = 150, _WIDTH - 160, 26, 34
    parts: list[str] = []
    for number, step in enumerate(steps):
        y = 8 + number * (row + gap)
        label = f"{step.place}, height {step.top}"
        parts.append(f'<text class="small" x="0" y="{y + 17}">{shown_text(label)}</text>')
        box = width / step.choices
        x = left + step.chosen * box
        wide = max(box, 3.0)
        if step.choices <= _MOST_BOXES:
            parts += [
                f'<rect class="cell" x="{left + k * box:.1f}" y="{y}" width="{box:.1f}" '
                f'height="{row}"/>'
                for k in range(step.choices)
            ]
        else:
            parts.append(f'<rect class="cell" x="{left}" y="{y}" width="{width}" height="{row}"/>')
        what = "node" if step.place == "trace" and not step.bottom else "subtree"
        if step.place != "trace" and not step.bottom:
            what = "leaf"
        title = f"{step.chosen + 1} of {step.choices}: {what} {step.index} at height {step.bottom}"
        parts.append(
            f'<rect class="cell bad" x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{row}">'
            f"<title>{shown_text(title)}</title></rect>"
        )
        low, under = y + row, y + row + gap
        last = number == len(steps) - 1
        if not last:
            parts.append(
                f'<path class="opens" d="M{x:.1f} {low}L{x + wide:.1f} {low}'
                f'L{left + width} {under}L{left} {under}Z"/>'
            )
        middle = min(max(x + wide / 2, left + 60), left + width - 60)
        parts.append(
            f'<text class="small" x="{middle:.1f}" y="{low + 15}" text-anchor="middle">'
            f"{shown_text(f'{what} {step.index}')}</text>"
        )
    height = 8 + len(steps) * (row + gap)
    return _svg(_WIDTH, height, parts, f"The way down in {len(steps)} selections")


# --- the clocks


def clocks_picture(moves: Sequence[PlayedMove]) -> str:
    """Seconds left to each side over the time of one game."""
    stands = [(move.time_s, move.stand) for move in moves if move.stand is not None]
    if not stands:
        return ""
    start = stands[0][0]
    span = max(1, stands[-1][0] - start)
    top = max(max(s.clock_asserter_s, s.clock_challenger_s) for _, s in stands) or 1
    left, right, head, foot = 64, 104, 12, 30
    width, height = _WIDTH - left - right, _PLOT_HEIGHT - head - foot

    def at(time_s: int, clock_s: int) -> str:
        x = left + width * (time_s - start) / span
        return f"{x:.1f} {head + height * (1 - clock_s / top):.1f}"

    parts = [
        f'<path class="axis" d="M{left} {head}V{head + height}H{left + width}"/>',
        *_ticks(left, head, width, height, span, top),
    ]
    ends = []
    for side in ("asserter", "challenger"):
        points = _line(stands, side)
        way = "L".join(at(*point) for point in points)
        parts.append(f'<path class="line {side}" d="M{way}"/>')
        ends.append((side, points[-1][1]))
    ys = [head + height * (1 - clock / top) + 4 for _, clock in ends]
    if abs(ys[0] - ys[1]) < 14:  # the labels would lie on each other
        middle = min(max(sum(ys) / 2, head + 12), head + height - 4)
        upper = ys[0] <= ys[1]
        ys = [middle - 7 if upper else middle + 7, middle + 7 if upper else middle - 7]
    for (side, clock), y in zip(ends, ys, strict=True):
        parts.append(
            f'<text class="small {side}" x="{left + width + 6}" y="{y:.1f}">{side} {clock} s</text>'
        )
    return _svg(_WIDTH, _PLOT_HEIGHT, parts, "Seconds left to each side over time")


def _line(stands: Sequence[tuple[int, Stand]], side: str) -> list[tuple[int, int]]:
    """Corners of one side's clock: it falls while that side thinks, and may be lifted by grace."""
    points: list[tuple[int, int]] = []
    running = False
    for time_s, stand in stands:
        clock = stand.clock_asserter_s if side == "asserter" else stand.clock_challenger_s
        if points and running:
            before_s, before = points[-1]
            fallen = max(0, before - (time_s - before_s))
            if fallen != clock:
                points.append((time_s, fallen))
        points.append((time_s, clock))
        running = stand.asserter_turn == (side == "asserter")
    return points


def _ticks(left: int, head: int, width: int, height: int, span: int, top: int) -> Iterable[str]:
    for k in range(5):
        y = head + height * (1 - k / 4)
        x = left + width * k / 4
        yield (
            f'<text class="small" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{round(top * k / 4):,} s</text>"
        )
        yield (
            f'<text class="small" x="{x:.1f}" y="{head + height + 18}" text-anchor="middle">'
            f"+{round(span * k / 4):,} s</text>"
        )
        yield f'<path class="grid" d="M{left} {y:.1f}H{left + width}"/>'


def _svg(width: int, height: int, parts: Iterable[str], what: str) -> str:
    said = shown_text(what)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{said}">'
        + "".join(parts)
        + "</svg>"
    )

"""What an operator's argument is told: its node, its operands' bounds, and how large tables may be.

Everything here is public and follows from the verification key alone, so prover and verifier build
the same arguments from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from verifiable.argument.functional import bits_of
from verifiable.argument.goldilocks import P
from verifiable.errors import Problem
from verifiable.program.program import IntArray, Node, Operand

__all__ = [
    "LARGEST_VALUE",
    "Column",
    "Interval",
    "Seen",
    "Site",
    "Sizes",
    "Unprovable",
    "check_no_wrap",
    "check_numbers",
]

Interval = tuple[int, int]
Shape = tuple[int, ...]

LARGEST_VALUE = 1 << 61
"""Bound on the absolute value of every lane and of every number in a node's equation.

The difference of two lanes then takes at most 63 bits: fewer than p has, so that a range check on
it means something, and integers that differ are never equal in the field.
"""


class Unprovable(Exception):
    """A node that the argument cannot prove; carries the problem to report."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A committed vector: one value per lane of `shape`, each axis padded to a power of two."""

    name: str
    shape: Shape

    @property
    def log_size(self) -> int:
        """log2 of its length."""
        return bits_of(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An operand as its argument sees it.

    Attributes:
        operand: the reference and the shape under which the node reads it.
        shape: of the tensor behind it.
        lo, hi: an interval that holds every real lane, for *any* values that the key allows (not
            only for the weights that somebody has in mind).
        values: the constant, where it is public; None otherwise.
    """

    operand: Operand
    shape: Shape
    lo: int
    hi: int
    values: IntArray | None = None

    @property
    def view(self) -> Shape:
        """The shape under which the node reads the operand."""
        return self.operand.shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large lookup tables may be.

    Attributes:
        limb_bits: widest range table; a wider number is cut into limbs of at most this many bits.
        largest_log: log2 of the largest table of a function's graph.
    """

    limb_bits: int
    largest_log: int = 18

    def tabulates(self, first: int, last: int, lanes: int) -> bool:
        """Whether a function on [first, last] is better looked up than computed by limbs."""
        if max(abs(first), abs(last)) >> self.largest_log:
            return False  # tables of one clamp share a domain, which has to stay near 0
        log_size = (last - first).bit_length()
        return log_size <= 11 or 1 << log_size <= 8 * lanes


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One node of the program, and what is public about it.

    Attributes:
        index: of the node.
        node: the node.
        operands: in the order of the node's.
        product_reach: interval of `acc * M` over all inputs with the weights that the key was made
            for. It sizes tables: a value outside cannot be proven, and cannot be cheated with.
        sizes: of tables.
        fused: a LookupTable node that alone reads this one, whose table is joined to this
            node's clamp; its result then takes the place of this node's.
        fused_table: (x_min, table (rows, size)) of that node.
    """

    index: int
    node: Node
    operands: tuple[Seen, ...]
    product_reach: Interval
    sizes: Sizes
    fused: int | None = None
    fused_table: tuple[int, IntArray] | None = None

    @property
    def label(self) -> str:
        """Prefix of this node's columns and messages."""
        return f"{self.index}.{self.node.op.name}"

    @property
    def shape(self) -> Shape:
        """The result's shape."""
        return self.node.shape

    @property
    def lanes(self) -> int:
        """Lanes of the result, padding included."""
        return 1 << bits_of(self.shape)

    def refuse(self, what: str, hint: str, code: str = "range-bound") -> Unprovable:
        """The error for a node that cannot be proven."""
        label = self.node.name or f"{self.node.op.name} {self.index}"
        return Unprovable(Problem(code=code, node=label, what=what, hint=hint))


def check_numbers(site: Site) -> None:
    """Refuse a node with a number in its equation that is too large for the field.

    The bounds of a clamp may be any: `requantise.py` sees to them.
    """
    for name, value in site.node.op.attributes().items():
        numbers = value if isinstance(value, tuple) else (value,)
        if name not in ("lo", "hi") and max(map(abs, numbers), default=0) > LARGEST_VALUE:
            raise site.refuse(
                f"{name} is beyond 2^{LARGEST_VALUE.bit_length() - 1}", "use smaller numbers"
            )
    reach = site.product_reach
    if max(-reach[0], reach[1]) >= 2 * LARGEST_VALUE:
        raise site.refuse("|acc * M| can reach 2^62", "use narrower activations or weights")


def check_no_wrap(site: Site, left: Interval, right: Interval) -> None:
    """Refuse a node where two integers that are compared in the field could differ by p.

    Args:
        left, right: intervals of the two sides of the equation over the integers.
    """
    if max(left[1] - right[0], right[1] - left[0]) >= P:
        raise site.refuse(
            "accumulator times multiplier can leave the field: the key bounds weights only by "
            "their number of bits",
            "use narrower weights, activations or multipliers",
        )

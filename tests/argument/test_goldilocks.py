"""Elements of the field and its extension, against integer arithmetic and the field's laws."""

from __future__ import annotations

import pickle

import pytest
from field_cases import EDGES
from hypothesis import given
from hypothesis import strategies as st

from verifiable.argument.goldilocks import (
    GENERATOR,
    NON_RESIDUE,
    ONE,
    TWO_ADICITY,
    ZERO,
    Ext,
    P,
    root_of_unity,
)

residues = st.one_of(st.sampled_from(EDGES), st.integers(0, P - 1))
elements = st.builds(Ext, residues, residues)
integers = st.one_of(st.sampled_from([-1, -P, P, P + 1, 2**64, -(2**63)]), st.integers())


def test_seven_generates_the_group() -> None:
    # p - 1 = 2^32 (2^32 - 1), and 2^32 - 1 = 3 * 5 * 17 * 257 * 65537
    primes = (2, 3, 5, 17, 257, 65537)
    assert P - 1 == 2**32 * 3 * 5 * 17 * 257 * 65537
    assert all(pow(GENERATOR, (P - 1) // prime, P) != 1 for prime in primes)
    assert pow(NON_RESIDUE, (P - 1) // 2, P) == P - 1


@given(elements, elements, elements)
def test_ring_laws(a: Ext, b: Ext, c: Ext) -> None:
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a - b == a + -b
    assert a + ZERO == a == a * ONE
    assert a - a == ZERO


@given(elements, elements)
def test_product_by_definition(a: Ext, b: Ext) -> None:
    product = a * b
    assert product.c0 == (a.c0 * b.c0 + 7 * a.c1 * b.c1) % P
    assert product.c1 == (a.c0 * b.c1 + a.c1 * b.c0) % P


@given(elements, integers)
def test_integers_stand_for_their_residues(a: Ext, n: int) -> None:
    assert a + n == n + a == a + Ext.of(n)
    assert a - n == a - Ext.of(n)
    assert n - a == Ext.of(n) - a
    assert a * n == n * a == a * Ext.of(n)
    assert Ext.of(n) == n
    assert Ext.of(n).c0 == n % P


@given(elements)
def test_inverse(a: Ext) -> None:
    if a == ZERO:
        with pytest.raises(ZeroDivisionError):
            a.inverse()
    else:
        assert a * a.inverse() == ONE


@given(elements)
def test_frobenius(a: Ext) -> None:
    """The p-th power is conjugation: a check of the modulus X^2 - 7 by exponentiation alone."""
    power, base, exponent = ONE, a, P
    while exponent:
        if exponent & 1:
            power *= base
        base *= base
        exponent >>= 1
    assert power == Ext(a.c0, -a.c1)


@given(elements)
def test_bytes_round_trip(a: Ext) -> None:
    data = a.to_bytes()
    assert data == a.c0.to_bytes(8, "little") + a.c1.to_bytes(8, "little")
    assert Ext.from_bytes(data) == a


@pytest.mark.parametrize("word", [P, P + 1, 2**64 - 1])
@pytest.mark.parametrize("place", [0, 1])
def test_words_that_are_not_canonical_are_refused(word: int, place: int) -> None:
    pair = [5, 5]
    pair[place] = word
    data = b"".join(part.to_bytes(8, "little") for part in pair)
    with pytest.raises(ValueError, match="not below p"):
        Ext.from_bytes(data)


@pytest.mark.parametrize("length", [0, 8, 15, 17, 32])
def test_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Ext.from_bytes(bytes(length))


def test_elements_are_immutable_values() -> None:
    a = Ext(P + 3, -1)
    assert (a.c0, a.c1) == (3, P - 1)
    with pytest.raises(AttributeError):
        a.c0 = 5
    with pytest.raises(AttributeError):
        del a.c1
    assert len({a, Ext(3, -1), Ext(3, 1)}) == 2
    assert hash(Ext(9)) == hash(9)
    assert pickle.loads(pickle.dumps(a)) == a  # noqa: S301
    assert repr(a) == f"Ext(3, {P - 1})"
    assert a != "3"
    assert a != 3


def test_operators_refuse_other_types() -> None:
    for operation in ("__add__", "__sub__", "__rsub__", "__mul__"):
        assert getattr(ONE, operation)(1.5) is NotImplemented


@pytest.mark.parametrize("log_n", [0, 1, 2, 5, TWO_ADICITY])
def test_roots_of_unity(log_n: int) -> None:
    root = root_of_unity(log_n)
    assert pow(root, 2**log_n, P) == 1
    if log_n:
        assert pow(root, 2 ** (log_n - 1), P) == P - 1
        assert root * root % P == root_of_unity(log_n - 1)


@pytest.mark.parametrize("log_n", [-1, TWO_ADICITY + 1])
def test_orders_without_a_root_are_refused(log_n: int) -> None:
    with pytest.raises(ValueError, match="roots of unity"):
        root_of_unity(log_n)

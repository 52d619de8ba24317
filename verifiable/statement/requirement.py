"""Which kinds of evidence together are enough: `ezkl or (tee and optimistic)`.

A requirement is the relying party's. It is written in one line: backends' names joined by `and`
(binds tighter) and `or`, parentheses, and `2 of (a, b, c)`. Each backend is named once, so nothing
is counted twice, and three-valued logic is exact: a requirement is open only if it could still
become true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from verifiable.errors import InvalidInput

__all__ = ["MAX_REQUIREMENT_BYTES", "Requirement", "Threshold"]

MAX_REQUIREMENT_BYTES = 1024
_MAX_DEPTH = 16
_KEYWORDS = ("and", "or", "of")
_TOKEN = re.compile(r"[ \t\r\n]*(?:([A-Za-z][A-Za-z0-9_.-]*)|([0-9]+)|([(),]))", re.ASCII)
_BLANK = re.compile(r"[ \t\r\n]*\Z", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,2}\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """At least `least` of `parts` hold: `or` is 1 of them, `and` all of them."""

    least: int
    parts: tuple[Term, ...]


Term: TypeAlias = "str | Threshold"
"""A backend's name, or what is made of several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A requirement that was read.

    Attributes:
        term: a backend's name, or what is made of several.
        names: the backends that it names, in the order of the text; each once.
    """

    term: Term
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read a requirement strictly.

        Raises:
            InvalidInput: with the position; codes `malformed-requirement`, `backend-named-twice`,
                `threshold-out-of-range`, `requirement-too-large`.
        """
        if not isinstance(text, str):
            raise InvalidInput(
                f"a requirement is a text, not {type(text).__name__}",
                where="require",
                code="wrong-type",
            )
        if len(text.encode("utf-8", "surrogatepass")) > MAX_REQUIREMENT_BYTES:
            raise InvalidInput(
                f"the requirement is longer than {MAX_REQUIREMENT_BYTES} bytes",
                where="require",
                hint="name each backend once",
                code="requirement-too-large",
            )
        reader = _Reader(text)
        return cls(term=reader.whole(), names=tuple(reader.names))

    def holds(self, known: Mapping[str, bool]) -> bool | None:
        """Whether it is met: by backend whether its evidence is proven; what is left out is open.

        Returns:
            None if what is open decides.
        """
        return _holds(self.term, known)

    def __str__(self) -> str:
        return _written(self.term, outermost=True)


def _holds(term: Term, known: Mapping[str, bool]) -> bool | None:
    if isinstance(term, str):
        return known.get(term)
    found = [_holds(part, known) for part in term.parts]
    if found.count(True) >= term.least:
        return True
    return None if found.count(True) + found.count(None) >= term.least else False


def _written(term: Term, *, outermost: bool = False) -> str:
    """The text of a term, with more parentheses than `and` and `or` need."""
    if isinstance(term, str):
        return term
    if term.least not in (1, len(term.parts)):
        inner = ", ".join(_written(part, outermost=True) for part in term.parts)
        return f"{term.least} of ({inner})"
    word = " or " if term.least == 1 else " and "
    text = word.join(_written(part) for part in term.parts)
    return text if outermost else f"({text})"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """A word, a number or a mark; `at` is the position of its first character, from 1."""

    kind: str
    text: str
    at: int


class _Reader:
    """A descent over the tokens; its depth is bounded."""

    def __init__(self, text: str) -> None:
        self.names: list[str] = []
        self._tokens = list(_tokens(text))
        self._next = 0

    def whole(self) -> Term:
        term = self._any(0)
        if self._token.kind != "end":
            self._refuse("`and`, `or` or the end is expected")
        return term

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _took(self, kind: str, text: str = "") -> bool:
        token = self._token
        if token.kind != kind or (text and token.text != text):
            return False
        self._next += 1
        return True

    def _any(self, depth: int) -> Term:
        parts = [self._all(depth)]
        while self._took("keyword", "or"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Threshold(least=1, parts=tuple(parts))

    def _all(self, depth: int) -> Term:
        parts = [self._one(depth)]
        while self._took("keyword", "and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Threshold(least=len(parts), parts=tuple(parts))

    def _one(self, depth: int) -> Term:
        if depth > _MAX_DEPTH:
            self._refuse("parentheses are nested too deep", code="requirement-too-large")
        token = self._token
        if self._took("name"):
            if token.text in self.names:
                self._refuse(
                    f"{token.text} is named a second time", token, code="backend-named-twice"
                )
            self.names.append(token.text)
            return token.text
        if self._took("mark", "("):
            term = self._any(depth + 1)
            self._close()
            return term
        if self._took("number"):
            return self._threshold(token, depth)
        self._refuse("a backend's name, a number or an opening parenthesis is expected")

    def _threshold(self, number: _Token, depth: int) -> Term:
        if not self._took("keyword", "of"):
            self._refuse("`of` is expected after a number")
        if not self._took("mark", "("):
            self._refuse("an opening parenthesis is expected after `of`")
        parts = [self._any(depth + 1)]
        while self._took("mark", ","):
            parts.append(self._any(depth + 1))
        self._close()
        least = int(number.text) if _NUMBER.match(number.text) else 0
        if not 1 <= least <= len(parts):
            self._refuse(
                f"{number.text[:8]} of {len(parts)} can never be met, or says nothing",
                number,
                code="threshold-out-of-range",
            )
        return parts[0] if len(parts) == 1 else Threshold(least=least, parts=tuple(parts))

    def _close(self) -> None:
        if not self._took("mark", ")"):
            self._refuse("a closing parenthesis is expected")

    def _refuse(
        self, what: str, token: _Token | None = None, *, code: str = "malformed-requirement"
    ) -> NoReturn:
        found = token or self._token
        seen = f", not {found.text!r}" if token is None and found.text else ""
        raise InvalidInput(
            what + seen,
            where=f"require, character {found.at}",
            hint="write it like: ezkl or (tee and optimistic); or: 2 of (ezkl, gkr, tee)",
            code=code,
        )


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while _BLANK.match(text, place) is None:
        found = _TOKEN.match(text, place)
        if found is None:
            at = place + len(text[place:]) - len(text[place:].lstrip(" \t\r\n")) + 1
            raise InvalidInput(
                f"{text[at - 1]!r} stands for nothing here",
                where=f"require, character {at}",
                hint="a requirement has names, numbers, `and`, `or`, `of`, commas and parentheses",
                code="malformed-requirement",
            )
        kind = ("name", "number", "mark")[(found.lastindex or 1) - 1]
        word = found.group(found.lastindex or 1)
        if kind == "name" and word.lower() in _KEYWORDS:
            kind = "keyword"  # in capitals it is none, and no name either
        yield _Token(kind=kind, text=word, at=found.start(found.lastindex or 1) + 1)
        place = found.end()
    yield _Token(kind="end", text="", at=len(text) + 1)

"""How a verifier's side says no: a check of the protocol that does not hold."""

from __future__ import annotations

__all__ = ["Rejected"]


class Rejected(Exception):
    """The proof was read, and one of its equations is false.

    A backend turns it into a verdict; it does not leave the public API.

    Attributes:
        check: id of the check, like "GK-5".
        code: stable name of the reason, like "lookup-sum".
        where: the part of the protocol.
    """

    def __init__(self, *, check: str, code: str, where: str) -> None:
        self.check = check
        self.code = code
        self.where = where
        super().__init__(f"{check} ({code}): {where}")

"""Every error that the public API raises.

One base class, one subclass for each way out that a caller may want to tell apart. An error says
*what* failed, *where*, *why*, and what to do about it (`hint`); `code` is stable and may be
matched on, the texts may change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifiable.statement.composite import CompositeVerdict
    from verifiable.statement.verdict import Verdict

__all__ = [
    "AccountError",
    "Cancelled",
    "ChainError",
    "InvalidInput",
    "MalformedFile",
    "MalformedInput",
    "MalformedModel",
    "MalformedProof",
    "MissingDependency",
    "Problem",
    "ProvingError",
    "ResourceLimit",
    "Reverted",
    "SetupError",
    "Undecided",
    "UnsupportedModel",
    "VerifiableError",
    "VerificationError",
]


class VerifiableError(Exception):
    """Base of all errors of this package.

    Attributes:
        code: stable identifier in kebab case, for programs.
        what: what failed, in one clause.
        where: file, node, field or phase; empty if there is none.
        why: the cause; empty if `what` says it all.
        hint: what the reader can do about it; empty if nothing.
    """

    default_code = "error"

    def __init__(
        self, what: str, *, where: str = "", why: str = "", hint: str = "", code: str | None = None
    ) -> None:
        self.code = code or self.default_code
        self.what = what
        self.where = where
        self.why = why
        self.hint = hint
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.why:
            text += f": {self.why}"
        if self.hint:
            text += f". {self.hint[0].upper()}{self.hint[1:]}"
        return text


class MalformedFile(VerifiableError):
    """A file that this package defines or reads cannot be decoded (lock, policy, SRS, ...)."""

    default_code = "malformed-file"


class MalformedModel(MalformedFile):
    """A model or program file cannot be read, or breaks the rules of its format."""

    default_code = "malformed-model"


class MalformedProof(MalformedFile):
    """A proof file cannot be decoded. Says nothing on whether its claim is true."""

    default_code = "malformed-proof"


class MalformedInput(MalformedFile):
    """An input file (`.npz`, calibration data) cannot be read or does not fit the model."""

    default_code = "malformed-input"


class InvalidInput(VerifiableError):
    """An input value lies outside what the program accepts (NaN, infinity, out of range)."""

    default_code = "invalid-input"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One reason why a model is not supported."""

    code: str
    node: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.node}: {self.what}" if self.node else self.what
        return f"{text} ({self.hint})" if self.hint else text


class UnsupportedModel(VerifiableError):
    """A well-formed model that cannot be compiled or proven; carries all reasons at once."""

    default_code = "unsupported-model"

    def __init__(self, problems: Sequence[Problem], *, where: str = "") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(
            f"{count} problem{'s' if count != 1 else ''} found",
            where=where,
            why="; ".join(str(problem) for problem in self.problems),
            code=self.problems[0].code if count == 1 else self.default_code,
        )


class MissingDependency(VerifiableError):
    """An optional package is not installed; the hint names the extra that brings it."""

    default_code = "missing-dependency"


class ResourceLimit(VerifiableError):
    """A limit on time, memory or size was hit (set by the caller or by the system)."""

    default_code = "resource-limit"


class SetupError(VerifiableError):
    """Keys or a structured reference string could not be made, found or trusted."""

    default_code = "setup-error"


class ProvingError(VerifiableError):
    """The prover failed, or made a proof that its own verification refused."""

    default_code = "proving-error"


class ChainError(VerifiableError):
    """A chain could not be reached, is not the expected one, or refused a transaction."""

    default_code = "chain-error"


class Reverted(ChainError):
    """A contract refused a call or a transaction.

    Attributes:
        name: the contract's custom error, `Error` or `Panic`; empty if it gave no data, or data
            that no known contract declares.
        arguments: the error's arguments by name.
        data: the revert data as it came.
        transaction: the hash of the transaction that was included and failed, or None if it was
            only simulated.
    """

    default_code = "reverted"

    def __init__(
        self,
        what: str,
        *,
        name: str = "",
        arguments: Mapping[str, object] | None = None,
        data: bytes = b"",
        transaction: bytes | None = None,
        where: str = "",
        why: str = "",
        hint: str = "",
        code: str | None = None,
    ) -> None:
        self.name = name
        self.arguments = dict(arguments or {})
        self.data = data
        self.transaction = transaction
        super().__init__(what, where=where, why=why, hint=hint, code=code)


class AccountError(VerifiableError):
    """A signing key could not be found, opened or used. Never shows the key."""

    default_code = "account-error"


class Cancelled(VerifiableError):
    """The caller cancelled the work; nothing half-written is left behind."""

    default_code = "cancelled"


class _Judged(VerifiableError):
    """An error that carries the verdict it comes from."""

    def __init__(
        self, verdict: Verdict | CompositeVerdict, *, what: str, code: str, hint: str = ""
    ) -> None:
        self.verdict = verdict
        super().__init__(what, code=code, hint=hint)


class VerificationError(_Judged):
    """The evidence was read and does not prove the statement; `code` is the failed check's."""

    default_code = "not-proven"


class Undecided(_Judged):
    """The verifier lacks something (a key, an input, finality) to decide either way."""

    default_code = "undecided"

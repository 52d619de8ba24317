"""The options of backends, from the keywords that the public functions share.

A keyword that only some backends take becomes a setting of `Options.settings`. What the chosen
backend does not take is refused by the name under which it was given, never ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from verifiable.backends.base import Backend, Options
from verifiable.cache import default_cache_dir
from verifiable.errors import InvalidInput
from verifiable.progress import Cancellation, Progress, silent
from verifiable.sources import PathLike
from verifiable.statement.hashing import DIGEST_BYTES
from verifiable.statement.proof import VISIBILITIES

__all__ = ["backend_options", "options_taken", "refuse_untaken"]

_SPELLED = MappingProxyType(
    {
        "srs": ("insecure_local_setup", "--insecure-local-setup"),
        "srs_file": ("srs", "--srs"),
        "weights": ("weights", "--weights"),
        "tee_kind": ("tee_kind", "--tee-kind"),
        "tee_mode": ("tee_mode", "--tee-mode"),
        "nonce": ("nonce", "--nonce"),
        "salt": ("salt", "--salt"),
        "quorum": ("quorum", "--quorum"),
        "quorum_secrets": ("quorum_secrets", "--quorum-secret"),
        "quorum_password_file": ("quorum_password_file", "--quorum-password-file"),
    }
)
"""By setting of a backend, the keyword and the option of the command line that give it."""


def backend_options(
    *,
    visibility: str = "public",
    insecure_local_setup: bool = False,
    srs: PathLike | None = None,
    weights: str | None = None,
    tee_kind: str | None = None,
    tee_mode: str | None = None,
    nonce: bytes | None = None,
    salt: bytes | None = None,
    quorum: PathLike | None = None,
    quorum_secrets: Sequence[PathLike] = (),
    quorum_password_file: PathLike | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Options:
    """The options of a backend from the keywords of the public functions.

    Raises:
        InvalidInput: a keyword has a value that no backend knows.
    """
    if visibility not in VISIBILITIES:
        raise InvalidInput(
            f"unknown visibility {visibility!r}",
            hint=f"use one of: {', '.join(VISIBILITIES)}",
            code="unknown-visibility",
        )
    if insecure_local_setup and srs is not None:
        raise InvalidInput(
            "a file with a setup and a setup made here exclude each other",
            where="srs, insecure_local_setup",
            hint="give one of --srs and --insecure-local-setup",
            code="two-setups",
        )
    for name, value in (("nonce", nonce), ("salt", salt)):
        if value is not None and (not isinstance(value, bytes) or len(value) != DIGEST_BYTES):
            raise InvalidInput(
                f"a {name} is {DIGEST_BYTES} bytes", where=name, code="bad-nonce-or-salt"
            )
    if salt is not None and visibility == "public":
        raise InvalidInput(
            "a salt hides an input that the proof shows",
            where="salt",
            hint="give --visibility hashed too, or leave --salt out",
            code="salt-without-secret",
        )
    if time_limit_s is not None and not (
        isinstance(time_limit_s, int | float) and time_limit_s > 0
    ):
        raise InvalidInput(
            f"a time limit is a number of seconds above 0, not {time_limit_s!r}",
            where="time_limit_s",
            hint="leave it out for no limit",
        )
    settings: dict[str, str | bool] = {}
    if insecure_local_setup:
        settings["srs"] = "local-insecure"
    if srs is not None:
        settings["srs_file"] = str(Path(srs))
    named = {
        "weights": weights,
        "tee_kind": tee_kind,
        "tee_mode": tee_mode,
        "nonce": None if nonce is None else nonce.hex(),
        "salt": None if salt is None else salt.hex(),
        "quorum": None if quorum is None else str(Path(quorum)),
        "quorum_secrets": "\0".join(str(Path(item)) for item in quorum_secrets) or None,
        "quorum_password_file": None
        if quorum_password_file is None
        else str(Path(quorum_password_file)),
    }
    settings |= {name: value for name, value in named.items() if value is not None}
    return Options(
        cache_dir=default_cache_dir() if cache_dir is None else Path(cache_dir),
        visibility=visibility,
        time_limit_s=time_limit_s,
        settings=MappingProxyType(settings),
        progress=progress,
        cancel=cancel or Cancellation(),
    )


def options_taken(backend: Backend, options: Options) -> Options:
    """The options with those settings alone that a backend takes."""
    taken = {name: value for name, value in options.settings.items() if name in _settings(backend)}
    return replace(options, settings=MappingProxyType(taken))


def refuse_untaken(backends: Sequence[Backend], options: Options) -> None:
    """Refuse a setting that none of the backends takes: it would do nothing.

    Raises:
        InvalidInput: (code `unknown-option`) naming the keyword and the option.
    """
    for name in options.settings:
        if not any(name in _settings(backend) for backend in backends):
            keyword, option = _SPELLED[name]
            told = ", ".join(backend.id for backend in backends)
            raise InvalidInput(
                f"this is nothing that the backend {told} takes",
                where=keyword,
                hint=f"leave {option} out, or choose a backend that takes it",
                code="unknown-option",
            )


def _settings(backend: Backend) -> tuple[str, ...]:
    """The settings that a backend declares; none if a third party's forgot to."""
    return tuple(getattr(backend, "settings", ()))

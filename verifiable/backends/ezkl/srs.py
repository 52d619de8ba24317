"""Where reference strings come from, and what a verifier may believe about one.

`public`: a file whose SHA-256 is in the packaged list of the Perpetual Powers of Tau files, fetched
by ezkl or imported. `local`: generated here; whoever generated it can forge proofs, so it serves
tests and demonstrations. `unknown`: anything else. Files are kept in the cache, one an entry.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from verifiable.backends.base import Options
from verifiable.backends.ezkl.phases import Phases
from verifiable.backends.ezkl.srs_file import MAX_LOGROWS, SrsFile, check_structure, open_srs
from verifiable.backends.ezkl.trust import SRS_KIND, listed_sha256
from verifiable.cache import Cache
from verifiable.errors import MalformedFile, SetupError

__all__ = ["StoredSrs", "import_srs", "obtain_srs", "stored_srs"]

_FILE = "kzg.srs"
_ABOUT = "about.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSrs:
    """A reference string in the cache.

    Attributes:
        path: of the file.
        logrows: `k`.
        s_g2: its second G2 point, which names its secret.
        sha256: of the file.
        label: `public`, `local` or `unknown`.
    """

    path: Path
    logrows: int
    s_g2: bytes
    sha256: str
    label: str


def stored_srs(cache: Cache) -> tuple[StoredSrs, ...]:
    """All reference strings in the cache."""
    found = []
    for entry in cache.entries():
        if entry.kind == SRS_KIND and cache.find(SRS_KIND, entry.key):
            found.append(_read(entry.folder))
    return tuple(found)


def import_srs(
    path: str | os.PathLike[str], cache: Cache, *, listed: Mapping[int, str] | None = None
) -> StoredSrs:
    """Check a file and copy it into the cache; it is `public` only if its digest is listed.

    Args:
        listed: SHA-256 by logrows; the packaged list if None.

    Raises:
        MalformedFile: it is not a reference string.
        ResourceLimit, MissingDependency.
    """
    srs = open_srs(path)
    label = "public" if srs.sha256 in (listed or listed_sha256()).values() else "unknown"
    return _keep(srs, cache, label, key=f"{label}-k{srs.logrows}-{srs.sha256[:16]}")


def obtain_srs(logrows: int, options: Options) -> StoredSrs:
    """Find, import, fetch or generate the reference string that the options ask for.

    `options.settings`: `srs_file` names a file; else `srs` is `public` (the default) or
    `local-insecure`. A file is used whole, so its logrows must be exactly those of the circuit.

    Raises:
        SetupError: there is none (offline), or the file has other logrows.
        MalformedFile, ResourceLimit, MissingDependency, Cancelled.
    """
    if logrows > MAX_LOGROWS:
        raise SetupError(
            f"the circuit needs 2^{logrows} rows; reference strings end at 2^{MAX_LOGROWS}",
            hint="prove a smaller model",
            code="circuit-too-large",
        )
    cache = Cache(options.cache_dir)
    file = options.settings.get("srs_file")
    if isinstance(file, str) and file:
        srs = import_srs(file, cache)
        if srs.logrows != logrows:
            raise SetupError(
                f"the reference string has logrows {srs.logrows}, the circuit needs {logrows}",
                where=file,
                hint=f"give the file for logrows {logrows}",
                code="srs-logrows",
            )
        return srs
    if options.settings.get("srs", "public") == "local-insecure":
        return _local(logrows, cache, options)
    return _public(logrows, cache, options)


def _public(logrows: int, cache: Cache, options: Options) -> StoredSrs:
    for srs in stored_srs(cache):
        if srs.label == "public" and srs.logrows == logrows:
            return srs
    expected = listed_sha256()[logrows]
    with cache.fill(SRS_KIND, f"public-k{logrows}-{expected[:16]}") as folder:
        phases = Phases(folder=folder, options=options, error=SetupError)
        try:
            phases.run(
                "srs",
                f"fetching the public reference string of 2^{logrows} rows",
                {"job": "get_srs", "logrows": logrows, "srs": _FILE},
            )
        except SetupError as cause:
            raise SetupError(
                "the public reference string could not be fetched",
                where="ezkl, phase srs",
                why=cause.why,
                hint=f"import the file (SHA-256 {expected}) with `verifiable srs import FILE`, "
                "or, for tests only, use --insecure-local-setup",
                code="srs-unavailable",
            ) from cause
        fetched = open_srs(folder / _FILE)
        if fetched.sha256 != expected:
            raise SetupError(
                "the fetched reference string has another digest",
                where="ezkl, phase srs",
                why=f"SHA-256 {fetched.sha256}, expected {expected}",
                hint="do not use it; import a genuine file",
                code="srs-digest",
            )
        _describe(folder, fetched, "public")
    return _found(cache, f"public-k{logrows}-{expected[:16]}")


def _local(logrows: int, cache: Cache, options: Options) -> StoredSrs:
    key = f"local-k{logrows}"
    folder = cache.find(SRS_KIND, key)
    if folder is not None:
        return _read(folder)
    with cache.fill(SRS_KIND, key) as partial:
        phases = Phases(folder=partial, options=options, error=SetupError)
        phases.run(
            "srs",
            f"generating an INSECURE local reference string of 2^{logrows} rows",
            {"job": "gen_srs", "logrows": logrows, "srs": _FILE},
            estimate_s=0.00035 * (1 << logrows) + 0.5,
        )
        _describe(partial, open_srs(partial / _FILE), "local")
    return _found(cache, key)


def _keep(srs: SrsFile, cache: Cache, label: str, *, key: str) -> StoredSrs:
    folder = cache.find(SRS_KIND, key)
    if folder is None:
        with cache.fill(SRS_KIND, key) as partial:
            shutil.copyfile(srs.path, partial / _FILE)
            copy = open_srs(partial / _FILE)
            if copy.sha256 != srs.sha256:
                raise MalformedFile(
                    "the file changed while it was read",
                    where=str(srs.path),
                    hint="import it again when nobody writes to it",
                    code="unreadable-file",
                )
            check_structure(copy)
            _describe(partial, copy, label)
    return _found(cache, key)


def _describe(folder: Path, srs: SrsFile, label: str) -> None:
    """Leave only the file and its description in the entry."""
    for path in folder.iterdir():
        if path.name != _FILE:
            path.unlink()
    about = {
        "label": label,
        "logrows": srs.logrows,
        "s_g2": srs.s_g2.hex(),
        "sha256": srs.sha256,
    }
    (folder / _ABOUT).write_text(json.dumps(about, sort_keys=True, indent=1), encoding="utf-8")


def _read(folder: Path) -> StoredSrs:
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        return StoredSrs(
            path=folder / _FILE,
            logrows=about["logrows"],
            s_g2=bytes.fromhex(about["s_g2"]),
            sha256=about["sha256"],
            label=about["label"],
        )
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise SetupError(
            "the reference string in the cache is incomplete",
            where=str(folder),
            hint="clear the cache and import it again",
            code="srs-unavailable",
        ) from cause


def _found(cache: Cache, key: str) -> StoredSrs:
    folder = cache.find(SRS_KIND, key)
    if folder is None:
        raise SetupError(
            "the reference string vanished from the cache",
            where=str(cache.root),
            hint="run the command again; is another process clearing the cache?",
            code="srs-unavailable",
        )
    return _read(folder)

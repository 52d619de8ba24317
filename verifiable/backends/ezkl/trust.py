"""What a verifier may believe about the maker of a reference string, from `s_g2` alone.

All files of one ceremony share `s_g2`. The list in this package names the ceremony's files by
SHA-256; the point itself is learned from any one of them that was imported or fetched into the
cache, whose digest is computed again before it is believed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from verifiable.backends.ezkl.format import G2_BYTES
from verifiable.cache import Cache

__all__ = ["SRS_KIND", "listed_sha256", "srs_label"]

SRS_KIND = "ezkl-srs"
_FILE = "kzg.srs"


@lru_cache(maxsize=1)
def listed_sha256() -> Mapping[int, str]:
    """SHA-256 of the ceremony's files by logrows."""
    text = files("verifiable.backends.ezkl").joinpath("srs_sha256.json").read_text("utf-8")
    return {int(logrows): digest for logrows, digest in json.loads(text)["sha256"].items()}


def srs_label(s_g2: bytes, cache: Cache, listed: Mapping[int, str] | None = None) -> str:
    """`public`, `local` or `unknown`.

    `local` is information only (this cache generated it); both others than `public` mean that
    someone may know the secret.

    Args:
        s_g2: the point in question, as in a file.
        cache: where imported files are.
        listed: SHA-256 by logrows; the packaged list if None.
    """
    label = "unknown"
    digests = frozenset((listed or listed_sha256()).values())
    entries = sorted(
        (entry for entry in cache.entries() if entry.kind == SRS_KIND),
        key=lambda entry: entry.size_bytes,
    )
    for entry in entries:
        path = entry.folder / _FILE
        if _last_point(path) != s_g2:
            continue
        if _sha256(path, path.stat().st_mtime_ns) in digests:
            return "public"
        if entry.key.startswith("local-"):
            label = "local"
    return label


def _last_point(path: Path) -> bytes:
    try:
        with open(path, "rb") as stream:
            stream.seek(-G2_BYTES, 2)
            return stream.read(G2_BYTES)
    except OSError:  # no such file: an entry that is no more
        return b""


@lru_cache(maxsize=64)
def _sha256(path: Path, changed_ns: int) -> str:
    """Digest of a file, remembered while its modification time stays."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

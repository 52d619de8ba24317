"""A proof as evidence on a chain: the bytes that `EzklDoor` takes, see `ezkl-on-chain.md`.

The door computes every public value itself from the values that are sent, so all values of the
statement travel along, beside the key's preimage, the schema and the verification key artifact.
"""

from __future__ import annotations

from pathlib import Path

from verifiable.backends.base import Key, Options
from verifiable.backends.ezkl.format import BACKEND_ID, EzklKey, Payload
from verifiable.backends.ezkl.phases import Phases, require_ezkl
from verifiable.backends.ezkl.srs import stored_srs
from verifiable.backends.ezkl.srs_file import verifier_srs
from verifiable.backends.ezkl.vka import ceremony_digest, vka_digest, vka_job, vka_words
from verifiable.cache import Cache
from verifiable.errors import ProvingError, SetupError
from verifiable.statement.abi import encode_bytes, encode_struct
from verifiable.statement.proof import Proof
from verifiable.statement.tensors import pack

__all__ = ["artifact_of", "artifact_words", "ceremony_held", "evidence_of"]

_KEYS_KIND = "ezkl-keys"
_VKA = "vka.bin"


def evidence_of(proof: Proof, key: Key, vka: bytes) -> bytes:
    """The evidence of a proof.

    Args:
        proof: shows its inputs and outputs.
        key: of the proof's program, as a record pins it.
        vka: words of the key's verification key artifact.

    Raises:
        ProvingError: (code `not-for-a-chain`) the proof is of another backend or key, or hides
            values that the door needs.
    """
    ezkl_key, payload = _matching(proof, key)
    if vka_digest(vka) != ezkl_key.vka_digest:
        raise _refused("the verification key artifact is not the one that the key pins")
    if ezkl_key.visibility != "public" or proof.inputs is None or proof.outputs is None:
        raise _refused("the proof hides its inputs, and the door needs them")
    schema = proof.program.schema
    inputs = zip(proof.inputs, schema.inputs, strict=True)
    outputs = zip(proof.outputs, schema.outputs, strict=True)
    sections = (
        ezkl_key.preimage,
        schema.encoded,
        b"".join(pack(values, spec.width) for values, spec in inputs),
        b"".join(pack(values, spec.width) for values, spec in outputs),
        vka,
        payload.proof,
    )
    return bytes(encode_struct([encode_bytes(section) for section in sections]))


def artifact_words(proof: Proof, key: Key, options: Options) -> bytes:
    """Words of a key's verification key artifact: from the cache, or derived from a proof of it.

    Raises:
        ProvingError: (code `not-for-a-chain`) the proof is of another backend or key.
        SetupError, ResourceLimit, MissingDependency, Cancelled.
    """
    ezkl_key, _ = _matching(proof, key)
    held = _held_words(Cache(options.cache_dir), ezkl_key.vka_digest)
    return artifact_of(proof, options) if held is None else held


def artifact_of(proof: Proof, options: Options) -> bytes:
    """Words of the verification key artifact that follows from what a proof file carries.

    Raises:
        ProvingError: (code `not-for-a-chain`) the proof is of another backend.
        MalformedProof, SetupError, ResourceLimit, MissingDependency, Cancelled.
    """
    if proof.backend != BACKEND_ID:
        raise _refused("this is not a proof by ezkl")
    payload = Payload.decode(proof.payload)
    require_ezkl()
    with Cache(options.cache_dir).work_folder() as folder:
        (folder / "vk.key").write_bytes(payload.vk)
        (folder / "settings.json").write_bytes(payload.settings)
        (folder / "kzg.srs").write_bytes(verifier_srs(payload.s_g2))
        phases = Phases(folder=folder, options=options, error=SetupError)
        phases.run(
            "vka",
            "writing the verification key for contracts",
            vka_job(vk="vk.key", settings="settings.json", srs="kzg.srs", vka=_VKA),
            estimate_s=0.5,
        )
        return vka_words((folder / _VKA).read_bytes())


def ceremony_held(cache_dir: Path | None) -> bytes | None:
    """What a door must know of the public ceremony, if a file of it is on this machine.

    Returns:
        `vka.ceremony_digest` of its point; None if no file of the ceremony is held.
    """
    for item in stored_srs(Cache(cache_dir)):
        if item.label == "public":
            return ceremony_digest(item.s_g2)
    return None


def _held_words(cache: Cache, digest: bytes) -> bytes | None:
    """An artifact of this digest that a setup left in the cache; its place does not matter."""
    for entry in cache.entries():
        if entry.kind != _KEYS_KIND:
            continue
        try:
            words = vka_words((entry.folder / _VKA).read_bytes())
        except (OSError, SetupError):  # of an older release, or damaged: not this one
            continue
        if vka_digest(words) == digest:
            return words
    return None


def _matching(proof: Proof, key: Key) -> tuple[EzklKey, Payload]:
    if proof.backend != BACKEND_ID or key.backend != BACKEND_ID:
        raise _refused("this is not a proof by ezkl, with an ezkl key")
    ezkl_key, payload = EzklKey.from_fields(key.fields), Payload.decode(proof.payload)
    made = EzklKey.of(
        vk=payload.vk,
        settings=payload.settings,
        s_g2=payload.s_g2,
        visibility=proof.visibility,
        vka_digest=ezkl_key.vka_digest,
        proof_length=len(payload.proof),
    )
    if made != ezkl_key:
        raise _refused("the proof was made under another key")
    return ezkl_key, payload


def _refused(what: str) -> ProvingError:
    return ProvingError(
        what,
        where="ezkl proof",
        hint="give the proof's own key, and prove with visibility public",
        code="not-for-a-chain",
    )

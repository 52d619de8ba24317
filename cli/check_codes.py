"""What the error codes of `verifiable check` mean, and of what it reads."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["CHECK_CODES"]

CHECK_CODES: Mapping[str, str] = MappingProxyType(
    {
        "accuracy-below-floor": "The model is right on fewer rows of the labelled data than the "
        "lock demands. Find out why before the floor is lowered.",
        "bad-path": "A path in the lock or in a signature leads out of its folder. Paths are "
        "relative, divided by /, and without `..`.",
        "bad-public-key": "The file is no public key in PEM of a supported kind: ECDSA on P-256, "
        "P-384 or P-521, or Ed25519.",
        "derived-key-differs": "The lock holds a key that does not follow from the program: it was "
        "derived by another version or with other settings, or is forged. Write the lock again.",
        "duplicate-file": "Two entries name one file.",
        "floor-not-reached": "The program is less accurate on the data than the floor to be "
        "written. The message says what it reaches.",
        "golden-output-differs": "The program gives another output for a golden input than the "
        "lock says.",
        "labels-missing": "Labelled data are an .npz file with the inputs and an array `labels` "
        "that holds the right class of each row.",
        "level-without-proofs": "A proof, a policy or something to judge proofs by was given on a "
        "level that looks at none. Ask for --level proof.",
        "model-file-differs": "The file of a model is not the one that was locked. Restore it, or "
        "have the new one reviewed and write the lock again.",
        "model-file-missing": "The lock names a file that is not there. Restore it, or have the "
        "entry removed in a review.",
        "model-not-locked": "The repository holds a compiled program that the lock does not know. "
        "Have it reviewed and locked, or remove it.",
        "model-not-signed": "A locked model is not in the signed list of files. Sign the folder "
        "that holds it.",
        "model-signature-invalid": "The signature was not made by this key over this list of "
        "files.",
        "nothing-to-check": "There is nothing to look at on this level, which never counts as "
        "passed. Write the lock with `verifiable lock --files`.",
        "outside-of-the-lock": "A lock names files below its own folder only. Write it to the root "
        "of the repository.",
        "pinned-file-differs": "A golden input, labelled data or a proof is not the locked one, or "
        "is gone.",
        "program-root-differs": "The file holds another program than its entry names.",
        "proof-not-proven": "A proof does not verify under this lock and policy. The finding says "
        "which check it failed; `verifiable verify` tells more.",
        "proof-of-another-model": "The proof is about another program than the entry, or than any "
        "program of the lock.",
        "signature-needs-key": "A signature shows something only under a key that you trust: give "
        "--signature and --signature-key together.",
        "signed-file-differs": "A file that was signed is gone or changed.",
        "too-many-vectors": "More golden inputs than an entry holds. Choose some; labelled data "
        "with a floor of accuracy measure the rest.",
        "unknown-level": "The levels are `hash`, `program`, `golden` and `proof`.",
        "unknown-model": "The name before = is that of no entry, or of several.",
        "unsupported-signature": "The signature is of a kind that is not read here: only OpenSSF "
        "model signatures, version 1.0, with a plain key and whole files hashed by SHA-256.",
    }
)
"""By code one or two sentences: what it means, what to do."""

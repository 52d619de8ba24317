"""The checks of a repository's models, as the documentation lists them: one id, one code each."""

from __future__ import annotations

from verifiable.statement.checks import CheckSpec

__all__ = ["INTEGRITY_CHECKS"]

CI_1 = CheckSpec(
    id="CI-1",
    name="something to check",
    codes=("nothing-to-check",),
    refuses="Nothing, but undecided: a lock, a selection or an entry in which there is nothing to "
    "look at on the level that was asked for. What is empty never passes.",
)
CI_2 = CheckSpec(
    id="CI-2",
    name="model file there",
    codes=("model-file-missing",),
    refuses="A locked model whose file is gone, or is no regular file.",
)
CI_3 = CheckSpec(
    id="CI-3",
    name="model file unchanged",
    codes=("model-file-differs",),
    refuses="A model file with another size or SHA-256 than the lock says: one byte is enough.",
)
CI_4 = CheckSpec(
    id="CI-4",
    name="every model locked",
    codes=("model-not-locked",),
    refuses="A compiled program (`.onnx`) in the repository that no entry of the lock names.",
)
CI_5 = CheckSpec(
    id="CI-5",
    name="test data unchanged",
    codes=("pinned-file-differs",),
    refuses="A golden input, labelled data or a proof that is gone or has another size or SHA-256 "
    "than the lock says: easier questions would hide a worse model.",
)
CI_6 = CheckSpec(
    id="CI-6",
    name="program root",
    codes=("program-root-differs",),
    refuses="A file that holds another program than its entry names, or none: a hash that was "
    "written anew over another model.",
)
CI_7 = CheckSpec(
    id="CI-7",
    name="key derived again",
    codes=("derived-key-differs",),
    refuses="A key in the lock that does not follow from the program.",
)
CI_8 = CheckSpec(
    id="CI-8",
    name="golden vector",
    codes=("golden-output-differs",),
    refuses="A program that gives another output for a golden input than the lock says, or cannot "
    "take that input.",
)
CI_9 = CheckSpec(
    id="CI-9",
    name="accuracy floor",
    codes=("accuracy-below-floor",),
    refuses="A program that is right on fewer rows of the labelled data than the lock's floor, or "
    "cannot take them.",
)
CI_10 = CheckSpec(
    id="CI-10",
    name="proof",
    codes=("proof-not-proven",),
    refuses="A proof that does not verify under the lock and the policy; undecided where its "
    "verdict is.",
)
CI_11 = CheckSpec(
    id="CI-11",
    name="proof of this model",
    codes=("proof-of-another-model",),
    refuses="A proof that is about another program than the entry that names it.",
)
CI_12 = CheckSpec(
    id="CI-12",
    name="model signature",
    codes=("model-signature-invalid",),
    refuses="A `model.sig` that the given key did not sign, or whose digest is not that of its "
    "list of files.",
)
CI_13 = CheckSpec(
    id="CI-13",
    name="signed files unchanged",
    codes=("signed-file-differs",),
    refuses="A file that is gone or has another SHA-256 than the signed list says.",
)
CI_14 = CheckSpec(
    id="CI-14",
    name="every model signed",
    codes=("model-not-signed",),
    refuses="A locked model whose file is not in the signed list.",
)

INTEGRITY_CHECKS = (
    *(CI_1, CI_2, CI_3, CI_4, CI_5, CI_6, CI_7),
    *(CI_8, CI_9, CI_10, CI_11, CI_12, CI_13, CI_14),
)
"""In the order in which they are run."""

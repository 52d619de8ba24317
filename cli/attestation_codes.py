"""What the error codes of attestations by hardware mean: a part of `codes.CODES`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ATTESTATION_CODES"]

_CHECKS = {
    "advisory-denied": "The platform is open to a security advisory that the policy denies. Update "
    "the platform.",
    "assurance-not-met": "The policy asks for another assurance than the evidence has, for "
    "instance hardware where a simulator signed.",
    "attributes-not-accepted": "The workload has attributes that the policy does not list, or bits "
    "that nobody may set. List the value in the policy if the workload needs it.",
    "bad-chain": "The certificates do not lead, one by one, from the signer to the trusted root. "
    "Pass the chain as the vendor issued it.",
    "bad-signature": "A signature does not verify: something was altered, written anew, or put "
    "together from several.",
    "certificate-revoked": "The vendor revoked a certificate of the chain. What its key signs "
    "counts for nothing any more.",
    "chip-masked": "The report was signed without its chip's key (MASK_CHIP_KEY), so that it says "
    "nothing.",
    "collateral-missing": "Revocation lists, TCB info or QE identity are absent. Intel's evidence "
    "cannot be judged without; fetch them for the platform and pass them along.",
    "collateral-not-yet-valid": "A list or text is dated after the moment of judging. Judge at the "
    "time of the evidence, or check the clock.",
    "collateral-stale": "A list or text has ended at the moment of judging. Fetch it again, or "
    "judge at the time of the evidence.",
    "debug-enabled": "The owner of the machine can read and change this workload with a debugger. "
    "Start it without debug.",
    "debug-quoting-enclave": "The quoting enclave can be read with a debugger, so that anybody may "
    "have its key. No policy accepts that.",
    "event-log-malformed": "The event log is not in its exact form.",
    "event-log-mismatch": "The event log does not replay to the register that is reported.",
    "evidence-from-the-future": "The evidence is dated after the moment of judging.",
    "evidence-incomplete": "Nobody else could judge this evidence again: evidence, collateral, "
    "time and policy belong together.",
    "evidence-malformed": "The evidence, its certificates or its collateral are not in the "
    "vendor's exact form; the message says what and where.",
    "evidence-not-verified": "A vendor's evidence was refused for a reason that this release does "
    "not know. The message has the reason.",
    "evidence-too-large": "The evidence is larger than any real one, and was not read.",
    "evidence-too-old": "The evidence is older than the policy allows. Ask for a new one.",
    "gpu-verdict-missing": "The policy asks for its vendor's verdict on a graphics processor, and "
    "the evidence has none.",
    "high-s": "The signature is in the second form that each signature has (s above half of the "
    "order). Sign with low s.",
    "migratable": "The workload may be moved to a machine that this evidence does not speak of.",
    "migration-agent": "Another guest may move this one, and with it its memory. Start it without.",
    "no-reference-values": "The policy lists no accepted workload, and there is no `any`. Pin one, "
    "for instance with `verifiable tee policy init`.",
    "no-tcb-level": "The platform's firmware is older than every level that the vendor lists; the "
    "message names the component. Update the platform.",
    "nonce-mismatch": "The evidence was made for another nonce than the verifier's.",
    "nonce-needed": "The policy asks for freshness, and the verifier has given no nonce.",
    "not-vmpl-0": "The report comes from another privilege level than 0.",
    "outside-validity": "A certificate is not valid at the moment of judging. Judge at the time of "
    "the evidence, or get evidence under a current one.",
    "platform-flag-not-accepted": "The machine has a property that the policy does not list "
    "(dynamic platform, cached keys, SMT). Cloud machines usually have all three.",
    "platform-mismatch": "Certificate, report and collateral speak of different platforms or patch "
    "levels. Fetch the collateral of this one.",
    "platform-not-listed": "The machine is not on the policy's list.",
    "program-event": "The event that names the program is missing, doubled, late, or of another "
    "program.",
    "program-not-measured": "Nothing in the evidence says which program the workload had loaded.",
    "report-data-mismatch": "The evidence was made for another statement, nonce or key.",
    "report-data-not-pinned": "No statement says what the evidence must report, and the policy "
    "does not pin it.",
    "root-not-trusted": "The evidence is signed under a root that neither this release nor the "
    "policy names. Evidence cannot bring its own root.",
    "service-td": "A service TD that the policy does not name can act on this workload.",
    "signature-mismatch": "The answer was not signed by the attested key.",
    "simulated-evidence": "A simulator made this evidence. --allow-simulated accepts it for "
    "development; it shows nothing about hardware.",
    "statement-not-bound": "The evidence does not bind program, input, output and context.",
    "tcb-evaluation-too-old": "The collateral is of an older evaluation than the policy asks for. "
    "Fetch it again.",
    "tcb-status-not-accepted": "The platform's patch level is not one that the policy accepts. "
    "Update the platform, or add the status to the policy.",
    "time-needed": "Certificates and lists hold for a time only: say at which time to judge.",
    "trailing-bytes": "Something other than zeros follows the end of the evidence.",
    "unsupported-evidence": "Evidence of a version or kind that this release does not judge.",
    "wrong-measurement": "The workload is not one of those that the policy accepts.",
    "wrong-module": "The TDX module is not the one that the vendor describes.",
    "wrong-quoting-enclave": "The enclave that signed is not the vendor's quoting enclave.",
    "wrong-signer-role": "A key vouches for what its certificate does not let it.",
    "wrong-vendor": "The quoting enclave says to be of another vendor.",
}
"""Of the checks `TEE-1` to `TEE-19`."""

_BINDING = {
    "bad-attestation-policy": "A member of the policy's demands on attestations is not what it can "
    "hold.",
    "bad-event": "An event of a log has a name or a payload that the format does not have.",
    "bad-key": "An enclave's public key is 64 bytes, or absent.",
    "bad-nonce": "A nonce is 32 bytes that the verifier chose, given in hex.",
    "bad-nonce-or-salt": "Nonces and salts are 32 bytes: take random ones.",
    "bad-reference": "Reference values name the registers of their kind of evidence, each in its "
    "exact size. The hint lists them.",
    "bad-root-certificate": "The file of a simulated root is no X.509 certificate, PEM or DER.",
    "bad-time": "A time is written like 2030-01-31T12:00:00Z, in UTC.",
    "enclave-differs": "The simulated enclave computed another output than the program does here. "
    "Both run the same code, so report it.",
    "nothing-to-attest": "A nonce or a simulated root is given, and the proof's evidence is no "
    "attestation. Leave it out.",
    "salt-without-secret": "A salt hides the root of an input that the proof does not show. Give "
    "--visibility hashed too, or leave the salt out.",
    "two-nonces": "The policy names a nonce, and another one is given. Leave one out.",
    "wrong-mode": "A payload holds members that its mode does not have: a statement quote has a "
    "nonce, a key quote a key, a signature and a challenge.",
}
"""Of binding, payload and policy."""

_FILES = {
    "bad-certificate": "The file of a certificate holds no certificate in PEM. Give one "
    "certificate a file, PEM or DER.",
    "kind-needed": "Evidence in a vendor's own form does not say whose it is. Name its kind; a "
    "bundle holds it.",
    "two-sources": "A bundle holds all that lies beside its evidence, and the command line names "
    "some of it too. Leave one of the two out.",
}
"""Of files on a command line."""

_ENCLAVE = {
    "enclave-died": "The process of the simulated enclave ended, was killed or closed, and its key "
    "is gone. Start it again, and attest the new key. The message has its last words.",
    "enclave-failed": "The simulated enclave met an error of its own. It goes on; report the "
    "message with the model and the input.",
    "enclave-protocol": "Host and simulated enclave sent each other bytes that are no message. "
    "Both have to be of the same release.",
    "kind-not-issued": "The simulated enclave was not started for this kind of evidence. SNP is "
    "issued under the built-in seed only.",
}
"""Of the simulated enclave's process."""

ATTESTATION_CODES: Mapping[str, str] = MappingProxyType(
    {
        **_CHECKS,
        **_BINDING,
        **_FILES,
        **_ENCLAVE,
        "unsupported-version": "The simulator issues SEV-SNP reports of versions 2 to 5.",
        "wrong-size": "A field of a simulated report has one exact size; the message says which.",
        "seed-too-short": "A simulated authority needs a seed of 16 bytes or more. Take 32 random "
        "bytes, or leave the seed out for the built-in, public one.",
    }
)
"""By code one or two sentences: what it means, what to do."""

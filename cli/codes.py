"""What every error code means, and what to do: the text of `verifiable explain CODE`.

Codes of checks (`wrong-program`, `proof-rejected`, ...) are explained by their checks as well. A
test reads the sources and holds this table complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from verifiable.cli.attestation_codes import ATTESTATION_CODES
from verifiable.cli.audit_codes import AUDIT_CODES
from verifiable.cli.check_codes import CHECK_CODES
from verifiable.cli.ezkl_codes import EZKL_CHAIN_CODES
from verifiable.cli.quorum_codes import QUORUM_CODES
from verifiable.cli.requirement_codes import REQUIREMENT_CODES
from verifiable.cli.router_codes import ROUTER_CODES

__all__ = ["CODES"]

_GENERAL = {
    "cancelled": "The work was stopped on request. Nothing half-written is left behind.",
    "error": "A failure without a code of its own; its message says what to do.",
    "internal-error": "A defect of this program. Set VERIFIABLE_DEBUG=1 to see where it happened, "
    "and report it.",
    "missing-dependency": "An optional package is not installed. The message names the extra that "
    "brings it, for instance pip install 'verifiable[ezkl]'.",
    "not-proven": "The evidence was read and does not prove the statement.",
    "out-of-memory": "The machine has too little memory. See `verifiable estimate`; close other "
    "programs or use a larger machine.",
    "proving-error": "The prover failed, or made a proof that its own verification refused.",
    "process-killed": "The backend's process ended before it gave a result, most often because "
    "memory ran out. See `verifiable estimate`.",
    "resource-limit": "A limit on time, memory or size was reached.",
    "setup-error": "Keys or a reference string could not be made, found or trusted.",
    "time-limit": "A phase ran longer than the time limit that was given. Raise --time-limit or "
    "leave it out; `verifiable estimate` says what to expect.",
    "undecided": "The verifier lacks something (a key, the program, an input) to decide either "
    "way. The failed check says what.",
    "broken-backend": "Another package brings this backend, and it cannot be loaded. Repair, "
    "update or remove that package.",
    "stdout-closed": "The command's standard output is closed: there is no place for a result.",
    "system-error": "The operating system refused something; the message says what and where.",
    "usage-error": "The command line does not fit the command; `--help` shows what does.",
    "unknown-backend": "No backend of this name is installed.",
    "unknown-option": "The backend has no such option, or the option no such value. Some options "
    "are for some backends only: leave it out, or choose another backend.",
    "unknown-visibility": "Visibility is `public` or `hashed`.",
    "two-setups": "A file with a public setup and a setup made on this machine exclude each "
    "other: give one of --srs and --insecure-local-setup.",
    "registry-needed": "A record or a chain is named, but no registry to read it from. Give "
    "--registry URL/ADDRESS.",
    "record-needed": "The registry is named, but not which of its records counts: anyone may "
    "register any program. Give --record with the id that `verifiable register` printed.",
    "key-without-record": "A file with keys (--key) is named, but no record on chain that could "
    "vouch for one. Give --registry and --record; or --lock instead, if you trust the file's "
    "author.",
    "two-records": "The policy pins a record, and another registry, record or chain is given. "
    "Leave it out, or change the policy.",
    "view-without-registry": "A view of a chain was given, but the policy pins no record that it "
    "could show. Name chain, registry and record in the policy.",
    "naive-time": "The time of judging needs a time zone, so that it means one moment.",
}

_FILES = {
    "file-too-large": "The file, or what it unpacks to, is larger than its format allows here.",
    "unreadable-file": "The file does not exist or cannot be opened. Check the path and the "
    "permissions.",
    "not-a-cache": "The folder to clear has no marker file, so nothing in it is removed. Name the "
    "folder that keys were cached in.",
    "unsafe-cache": "Others may write to the cache folder, and could put false keys there that a "
    "verifier would believe. Name a folder of your own by --cache-dir or VERIFIABLE_CACHE_DIR.",
    "unwritable-cache": "The cache folder cannot be written to. Free some space, or name another "
    "folder by --cache-dir or VERIFIABLE_CACHE_DIR.",
    "output-is-input": "The output file is one of the files that are read, which it would replace. "
    "Name another file with -o.",
    "unwritable-file": "The output cannot be written. Check that its folder exists, is writable "
    "and has space.",
    "malformed-file": "A file (lock, policy, reference string, ...) does not follow its format.",
    "malformed-json": "The file is not one JSON document. Check that it is the file you meant and "
    "arrived whole; have it written again by the command that made it.",
    "malformed-proof": "The proof file cannot be decoded. That says nothing on its claim.",
    "malformed-key": "The key in the lock does not follow its format. Write the lock again.",
    "control-character": "A name holds a line break, a terminal's control sequence or a mark that "
    "turns the writing direction, so a report could show something else. Rename it.",
    "duplicate-key": "A JSON object has the same key twice, so readers could disagree about it.",
    "duplicate-name": "Two inputs, or two outputs, have one name.",
    "duplicate-program": "A lock has two entries for one program.",
    "lock-root-mismatch": "A header in the lock does not hash to the program root beside it. "
    "Write the lock again from the program.",
    "missing-key": "A JSON object lacks a key that its format demands.",
    "unknown-key": "A JSON object has a key that its format does not know. Nothing is ignored "
    "silently.",
    "unknown-format": "The file is of another format, or of a version that this release does not "
    "know.",
    "unknown-spec-version": "The program's commitments follow a version that this release does "
    "not know.",
    "unknown-allowance": "`allow_insecure` knows local_setup, simulated_tee and local_chain.",
    "bad-digest": "A digest is 32 bytes, no more and no less.",
    "bad-salt": "A salt is 32 bytes, no more and no less.",
    "bad-version": "A version is dotted numbers such as 23.0.5.",
    "not-base64": "A text is not canonical base64.",
    "not-float": "A number is not written as the format demands.",
    "not-hex": "A text is not `0x` with lower-case hex digits of the right count.",
    "not-unicode": "A text holds code points that are no characters.",
    "not-utf8": "The file is not UTF-8.",
    "number-not-canonical": "A number is not in its one canonical form.",
    "out-of-bounds": "A number lies outside what the format allows.",
    "too-deep": "The JSON is nested deeper than any valid file.",
    "too-large": "The file or a part of it is larger than its format allows.",
    "too-many": "A list is longer than its format allows.",
    "wrong-count": "A list has another number of members than the schema says.",
    "wrong-type": "A member has another type than its format says.",
    "payload-magic": "The backend's part of the proof is not of the format that it says.",
    "payload-size": "A part of the payload is empty or too large.",
    "payload-trailing-bytes": "The payload goes on after its end.",
    "payload-truncated": "The payload ends too early.",
    "payload-version": "The payload's version is not a version number.",
}

_MODELS = {
    "malformed-model": "The model or program file breaks the rules of its format.",
    "unsupported-model": "The model is well formed, but cannot be compiled or proven. All reasons "
    "are listed; `verifiable inspect` shows them operator by operator.",
    "not-onnx": "The file is not ONNX, or is damaged. Export the model to ONNX first "
    "(`verifiable.export_torch` does it for torch), or copy the file again.",
    "already-a-program": "The file is a compiled program, where a model is expected. Programs can "
    "be inspected, run, proven and estimated.",
    "not-a-program": "The file is an ONNX model, but not a compiled program. Make one with "
    "`verifiable compile`.",
    "not-canonical": "The program file holds something that no program needs. Compile again.",
    "not-normalisable": "ONNX's own tools cannot bring the model into its plain form.",
    "not-runnable": "onnxruntime cannot run the model.",
    "quantisation-failed": "onnxruntime cannot quantise the model.",
    "bad-attribute": "An operator of the program file has an attribute that it cannot have.",
    "bad-constant": "A weight or table of the program file is not what the format says.",
    "bad-external-data": "A tensor lies in another file that may not be read: outside the model's "
    "folder, missing, or too short.",
    "bad-function": "A function of the program file has another body than its operator.",
    "bad-graph": "The graph is not well formed: a name is used before it is made, or twice.",
    "bad-header": "The header of the program file (versions, opsets) is not the format's.",
    "bad-metadata": "The metadata of the program file break the format.",
    "bad-name": "A name is empty, too long, or not the one that the format gives.",
    "bad-operands": "An operator of the program file has operands that it cannot have.",
    "bad-opset": "The model does not say which ONNX operator set it uses.",
    "bad-scale": "A quantisation scale is not a positive finite number.",
    "bad-schema": "Inputs or outputs of the program break the format.",
    "bad-shape": "A shape does not fit the model's input, or the tensors around it. Give --shape "
    "with as many axes as the model declares, and its fixed sizes as they are; a program file "
    "with this error has to be compiled again.",
    "bad-tensor": "A stored tensor is damaged: its bytes do not fit its shape and type.",
    "bad-view": "A reshape in the program file does not fit the tensors around it.",
    "bad-width": "A value needs more bytes than its tensor is declared with.",
    "bias-range": "A bias is too large to be exact in 32 bits at the scales found. Calibrate with "
    "typical data, or quantise per channel.",
    "bounds-exceeded": "A value left the bounds that the range analysis has to prove. Compile "
    "again; such a program is refused.",
    "range-bound": "A value of this node can exceed the bounds of exact arithmetic. Use fewer "
    "terms, smaller weights or 8-bit activations.",
    "scale-ratio": "The scales of an operand and of the result lie too far apart for exact integer "
    "arithmetic. Calibrate with typical data.",
    "input-quantised-twice": "A quantised model quantises one of its inputs in two ways. Quantise "
    "it once.",
    "calibration-needed": "A float model needs calibration data: --calibration FILE.npz with some "
    "hundred typical inputs.",
    "contradicting-shapes": "The shapes in the model contradict each other.",
    "dynamic-shape": "A shape is only known when the model runs. Fix the inputs' axes with "
    "--shape NAME=1,3,48,48.",
    "empty-tensor": "A tensor has no elements.",
    "external-data": "A program file keeps all data inside.",
    "function-not-finite": "An elementwise function is not finite on some value it can get.",
    "input-not-quantised": "An operator reads a tensor that the quantised model leaves in floating "
    "point.",
    "no-input": "The model has no input.",
    "no-output": "The model has no output.",
    "tensor-too-large": "A tensor is larger than this release reads.",
    "table-too-wide": "The function's input takes too many values for a table. Use 8-bit "
    "activations.",
    "unknown-input": "--shape names an input that the model does not have.",
    "unknown-operator": "The program file uses an operator that no program has.",
    "unsupported": "This use of the operator is not supported; the message says which and why.",
    "unsupported-by-backend": "The program compiles, but this backend cannot prove the operator.",
    "unsupported-control-flow": "Loops and branches have no fixed trace and cannot be proven.",
    "unsupported-format-version": "The ONNX file is of a version that this release does not read.",
    "unsupported-input": "An input has a type that cannot be quantised. Use float32.",
    "unsupported-operator": "The operator is not supported. `verifiable inspect` lists all that "
    "are in the way; --cut-output removes a final Softmax or Sigmoid.",
    "unsupported-opset": "The operator set is older than 9 or newer than this release reads.",
    "unsupported-sparse-tensor": "Sparse tensors are not supported. Store the tensor densely.",
    "unsupported-type": "A tensor has an element type that is not supported.",
    "unusable-shape": "The given shape cannot be the input's.",
    "unused-constant": "The program file has a weight or table that no operator reads.",
}

_INPUTS = {
    "invalid-input": "An argument or an input value is not acceptable.",
    "malformed-input": "Input or calibration data cannot be read, or do not fit the model.",
    "damaged-npz": "The .npz file is damaged.",
    "index-needed": "The file holds several rows: choose one by --index.",
    "no-such-row": "The file has no row of this index; rows count from 0.",
    "not-an-npz": "The file is not an .npz archive, as numpy.savez writes it.",
    "not-finite": "A number is NaN or infinite. The message says where; find out how it came into "
    "the data, and replace or leave out that row.",
    "not-integers": "Quantised values are integers.",
    "not-numeric": "Only arrays of real numbers are read; pickled objects never are.",
    "out-of-range": "A value lies outside what the program was calibrated for. Scale the input as "
    "the calibration data were, or clip it (--saturate), which the proof then says.",
    "value-out-of-width": "A value does not fit the bytes per element that its tensor has.",
    "wrong-dtype": "The array holds values of another type than needed.",
    "wrong-inputs": "The inputs are not those of the program.",
    "wrong-names": "The arrays are not named as the inputs of the model. Save them again under the "
    "names in the message: numpy.savez(FILE, NAME=array).",
    "wrong-shape": "The array's shape is not the input's. `verifiable inspect` shows the shapes; "
    "reshape the array, one input or one row for each.",
}

_EZKL = {
    "circuit-mismatch": "The circuit that ezkl made does not compute what the program does. No key "
    "was made; report it with the model.",
    "circuit-too-large": "The program needs more rows than the largest public reference string "
    "has. Prove a smaller model.",
    "ezkl-error": "The ezkl library refused the work.",
    "ezkl-panic": "The ezkl library broke in its native code.",
    "ezkl-unsupported": "ezkl cannot prove this operator.",
    "instances-mismatch": "ezkl's public values are not those of the statement.",
    "keys-unavailable": "The cached keys are incomplete or vanished. Clear the cache and set up "
    "again.",
    "own-proof-refused": "A finished proof did not pass its own verification and was not "
    "returned. Clear the cache and try again; if it happens again, report it.",
    "own-proof-rejected": "ezkl made a proof that its own verifier rejects; it was not returned.",
    "srs-digest": "A fetched reference string has another SHA-256 than the public one. Do not "
    "use it.",
    "srs-generators": "The file does not start from the curve's generators.",
    "srs-logrows": "The reference string is for another number of rows than the circuit has.",
    "srs-mismatch": "Keys and reference string do not belong together.",
    "srs-not-held": "To derive the key, the verifier needs the reference string that the proof "
    "was made under. Verify with a lock, or give the file by --srs.",
    "srs-point": "The reference string holds points that are not of the curve's group.",
    "srs-size": "The file has not the size that its header says.",
    "srs-structure": "The points of the file are not the powers of one secret.",
    "srs-unavailable": "The public reference string is not here and could not be fetched. Import "
    "the file with `verifiable srs import FILE`; for tests only, use --insecure-local-setup.",
    "witness-mismatch": "ezkl computed other outputs than the executor. Report it with the model.",
}

_GKR = {
    "digests-not-of-root": "What the cache keeps of the committed weights is damaged. Clear the "
    "cache and set up again.",
    "key-mismatch": "The proof is under another gkr key than the one you trust: of another "
    "program, weight mode or version.",
    "key-of-another-program": "The gkr key in the proof names another program than the statement, "
    "or other inputs and outputs.",
    "lookup-denominator": "The lookup argument holds a fraction with denominator 0, as no honest "
    "proof does.",
    "lookup-leaves": "The fractions of the lookup argument are not those of the committed values.",
    "lookup-level": "A level in the lookup argument's tree of fractions does not follow from the "
    "one below it.",
    "lookup-sum": "Some value is not in its table: a rounding, a clamp or an activation is wrong.",
    "malformed-table": "A lookup table in a gkr key does not follow its format.",
    "merge-false": "A claim on committed values is not true of them.",
    "no-gkr-key": "Without a trusted key, nothing of the evidence can be checked. Give --program "
    "or --lock.",
    "not-sound-enough": "For a model of this size the chance that a false statement passes is "
    "larger than your policy allows.",
    "opening-column": "Opened columns are not those that the proof's combined row is made of.",
    "opening-path": "Opened columns are not those that were committed to: other weights, or "
    "another run.",
    "opening-value": "The combined row of an opening does not give the value that was claimed.",
    "outside-table": "A value is outside the table that the key provides for it: the key was made "
    "for other weights. Set up again.",
    "payload-mode": "The payload names a weight mode that there is not.",
    "public-value-false": "Inputs, outputs or public weights are not those that were proven.",
    "reduction-false": "The result of some operator does not follow from its operands.",
    "table-too-large": "The node needs a larger lookup table than gkr can prove. Use 8-bit "
    "activations, or values nearer to 0.",
    "unknown-setting": "The backend's setting has no such value. The message says which there are.",
    "visibility-unsupported": "The backend cannot keep the input out of the proof. Leave "
    "--visibility out, or take another backend.",
    "weights-missing": "The proof leaves the weights to the verifier: give the program with "
    "--program.",
    "weights-not-in-range": "Weights of the proof's key are not the small integers that a "
    "program's are, so its equations say nothing.",
}

_CHECKS = {
    "backend-not-accepted": "The policy does not accept this kind of evidence.",
    "backend-not-installed": "The backend that made the proof is not installed here.",
    "backend-version-not-accepted": "The policy demands a newer version of the backend.",
    "backend-version-mismatch": "The proof file says another version of the backend than its "
    "evidence was made with.",
    "backend-version-not-verified": "The policy demands a lowest version of a backend whose "
    "evidence binds none.",
    "check-not-run": "A check was not run because an earlier one failed. It never counts as "
    "passed.",
    "input-does-not-fit": "Input values do not fit the program's schema.",
    "input-mismatch": "The input is not the one that the statement commits to.",
    "input-missing": "The proof does not show its input, and the verifier does not hold it: give "
    "it with --input.",
    "input-saturated": "The prover clipped the input, and the policy does not allow that.",
    "insecure-setup": "The proof was made under a setup that is not the public ceremony's: its "
    "maker can forge. For tests and demos, --allow-insecure-setup accepts it.",
    "key-of-another-backend": "The key that was given belongs to another backend.",
    "no-ezkl-key": "Without a trusted key, nothing of the evidence can be checked. Give --program "
    "or --lock.",
    "no-key": "The verifier has no key for this program. Give --program, so that it is derived "
    "here, or --lock.",
    "output-does-not-fit": "Output values do not fit the program's schema.",
    "output-mismatch": "The output is not the one that the statement commits to: somebody changed "
    "one of them.",
    "policy-not-enforced": "The policy demands something that this verifier cannot check, so "
    "nothing can satisfy it.",
    "program-header-mismatch": "The header in the proof is not the one behind its program root.",
    "program-not-pinned": "Nothing says which program you trust: give --program, --lock, or a "
    "policy with program_roots.",
    "proof-rejected": "The cryptographic proof is false, or belongs to other values or another "
    "context.",
    "soundness-too-low": "The policy demands more bits of soundness than this backend gives.",
    "wrong-proof-length": "The proof was cut, or bytes were added to it.",
    "undeclared-check": "The backend reported a check that it never declared.",
    "values-missing": "The verifier does not hold the values that the proof is about.",
    "verifier-error": "The backend's verifier broke on this evidence, so nothing was shown.",
    "verifier-trouble": "This machine (memory, disk, a limit) kept the backend from judging. That "
    "says nothing on the proof: try again, or on another machine.",
    "verifier-stopped": "The backend's verifier ran out of time or memory.",
    "wrong-context": "The proof was made for another use.",
    "wrong-ezkl-version": "The proof was made by another version of ezkl.",
    "wrong-program": "The proof is about another program than the one you trust.",
    "wrong-settings": "The circuit's settings are not those that its key was derived with.",
    "wrong-srs": "The proof was made under another reference string than the key.",
    "wrong-statement": "The policy names another statement.",
    "wrong-verification-key": "The proof is of another circuit: other weights or another model.",
    "wrong-visibility": "Proof and key treat the input in different ways (public, hashed).",
}

_CHAIN = {
    "game-without-end": "A defect of the demonstration: two agents wait for each other. Please "
    "report it.",
    "not-asserted": "No block took the assertion in time, and nothing says why. Prove again with "
    "the same journal: it goes on where the chain stands, and pays nothing twice.",
    "no-game": "No dispute game stands at this address. Check chain and address; anybody may "
    "deploy the one with the usual rules: `verifiable dispute deploy`.",
    "other-trace": "The assertion commits to another trace than this execution gives. Check "
    "program and input; if they are right, the assertion is wrong and can be challenged.",
    "unknown-assertion": "The game holds no such assertion. Check its id, the game's address and "
    "the chain, and that --from-block is not after it.",
    "unknown-game": "The contract holds no game of this number. `verifiable dispute status` lists "
    "them.",
    "bad-trace-url": "Where a trace may be found is not an address of HTTP(S) that can be used. It "
    "counts as withheld; a game makes the asserter show it.",
    "journal-in-use": "Two agents with one journal would do everything twice. Stop the other one, "
    "or give each agent a journal and an account of its own.",
    "malformed-journal": "The file is not an agent's journal, or was damaged. Keep it and begin "
    "another one: all decisions come from the chain, only salts of unused commits are lost.",
    "node-not-judged": "The game's contracts cannot judge a node of this program, so a lie about "
    "it would stand. Do not rely on this program under this game.",
    "other-statement": "The statement names another program or output than the trace has. Assert "
    "what the trace states, or execute again.",
    "account-error": "A signing key could not be found, opened or used.",
    "chain-error": "A chain could not be reached, is not the expected one, or refused something.",
    "confirmation-needed": "Gas costs money on this chain, and there is no terminal to agree at. "
    "Look at the cost with --dry-run, then give --yes.",
    "key-not-in-lock": "The lock names the program, but holds no key of the backend. Write it with "
    "this --backend, or leave --lock out.",
    "no-chain-file": "The chain's file does not exist, so there is nothing to read. Name another "
    "by --rpc-url, or make it by `verifiable register`.",
    "no-registry": "No model registry stands at this address. Check chain and address; anybody may "
    "deploy it at its canonical address: `verifiable registry deploy`.",
    "program-not-in-lock": "The lock is of other programs. Write it from this one, or leave --lock "
    "out.",
    "record-frozen": "The record takes no key any more. Another one has to come from another "
    "account, since an account has one record of a program.",
    "unknown-record": "The registry has no record of this id. An id follows from registrant and "
    "program: check both, and the chain.",
    "engine-failure": "A defect of the embedded EVM, or of the file that it keeps its state in. "
    "The chain is as it was before. Please report it.",
    "invalid-message": "The embedded EVM was given a message that no valid transaction is. The "
    "chain's own rules should have refused it before: please report it.",
    "unknown-state": "The embedded EVM was asked for a state that its file does not hold.",
    "chain-file-busy": "Another process held the chain file for a minute. Wait for it, or end it.",
    "chain-file-failed": "The chain file cannot be read or written: the disk is full or failed, "
    "or the file is damaged.",
    "chain-file-mismatch": "The chain file was made with another schema, chain id or rules; the "
    "message names both. Open it with what made it, or name a new file.",
    "not-a-chain-file": "The file is no chain of this program. Nothing in it was changed. Name a "
    "new file, or one that `local:PATH` made.",
    "unusable-chain-file": "The chain file cannot be opened: it is a folder, its folder does not "
    "exist, or it may not be written to.",
    "cannot-sign": "A field of the transaction has a value that no transaction can have.",
    "development-key": "The account is one of the ten whose keys come with every development node: "
    "anybody may take what it holds. It signs on chain id 31337 only.",
    "malformed-keystore": "The file is not a V3 keystore, or asks for more memory or time than any "
    "wallet does.",
    "malformed-private-key": "A private key is 64 hex digits, `0x` before them or not.",
    "no-account": "There is nothing to sign with. Name a keystore by --keystore or --account, or "
    "with --unlocked the account by --from.",
    "no-chain-id": "A transaction without a chain's id would count on every chain and is not "
    "signed.",
    "no-password": "The keystore's password is not there: the file cannot be read, or there is no "
    "terminal to ask at. ETH_PASSWORD is the path of a file.",
    "no-such-keystore": "The keystore does not exist or cannot be read, or the name is not one of "
    "a file in ~/.foundry/keystores.",
    "sender-mismatch": "The key that signs is not the one of the address in --from or ETH_FROM.",
    "several-accounts": "More than one source of a signature is given: leave all but one out.",
    "wrong-password": "The password does not open the keystore.",
    "anvil-failed": "The anvil process did not start. The message ends with what it printed last.",
    "anvil-version": "The file is not anvil, or a release older than the ones whose rules were "
    "compared with the embedded chain's. Install the current one.",
    "bad-proxy": "The proxy that HTTP_PROXY or HTTPS_PROXY sets cannot be used or does not reach "
    "the node. Correct it, or name the node's host in NO_PROXY.",
    "bad-timeout": "A timeout is a positive number of seconds, at most a day.",
    "chain-reorganised": "The block at which a record was read was taken away, three times over. "
    "Try again, or use another node.",
    "malformed-chain-url": "A chain is `local:`, `local:FILE`, `anvil:`, a URL beginning with "
    "http, https, ws or wss, or the path of a node's IPC socket. The text that was given is not "
    "repeated, since it may hold a key.",
    "malformed-registry-url": "A registry is a chain's URL, a slash and the contract's address: "
    "`0x` and 40 hex digits.",
    "no-anvil": "The development node anvil is not installed where it was looked for. Install "
    "Foundry or the npm package @foundry-rs/anvil, name the file by --anvil or ANVIL, or use "
    "`local:`.",
    "node-answer-too-large": "The node sent more than any honest answer holds, so reading was "
    "stopped.",
    "node-denies-access": "The node answers only those whom it knows. Check the key in its URL, "
    "and that the key is allowed to use this network.",
    "node-http-error": "The server in front of the node failed. Try again later, or use another "
    "node.",
    "node-rate-limit": "The node answers no more requests for now, also after waiting. Try later, "
    "or use a node with a higher limit.",
    "node-refuses": "The node answered the very first question, which chain it is on, with an "
    "error. Check the key in its URL.",
    "node-timeout": "The node did not answer in time. Allow more time, or use another node.",
    "node-tls": "There is no trusted encrypted connection to the node: its certificate does not "
    "fit, or the port does not speak TLS.",
    "not-a-socket": "The path of the chain is not the IPC socket of a running node.",
    "not-json-rpc": "Something answers at this URL, but it is no JSON-RPC node. Many providers "
    "have the node at a path of its own.",
    "unreachable-node": "No connection to the node, or it broke off. Check the URL, the network, "
    "and that the node runs.",
    "bad-answer": "What the node answered breaks the rules of JSON-RPC, contradicts itself, or is "
    "not what was asked for. Use another node.",
    "bad-arguments": "An argument does not fit the contract's function: their number, a type, a "
    "length or a range.",
    "bad-fees": "The fees that were set by hand contradict each other.",
    "chain-unreachable": "The node gave no answer, also not when asked again. Check the URL, the "
    "network, and that the node runs.",
    "damaged-artifact": "A compiled contract that this package brings is damaged. Install the "
    "package again.",
    "fee-too-high": "The node suggests a fee that no network has: whoever believed it would lose "
    "much. Set the fees by hand if they are right, or use another node.",
    "gas-above-limit": "A transaction may use 2^24 = 16,777,216 units of gas and this one needs "
    "more, or was given more. Split the work.",
    "insufficient-funds": "The account has less than the transaction may cost. Send it some, or "
    "sign with another account.",
    "no-code": "No contract stands at the address. A call there would seem to succeed, so it is "
    "refused. Check the address and the chain.",
    "no-deployment-proxy": "The chain lacks the contract through which others are deployed at one "
    "address everywhere. Deploy at an ordinary address, and name it to those who use it.",
    "no-finalized-block": "The chain has no finalized block: it is young, or the node does not "
    "know finality. Wait, or use another node.",
    "no-such-block": "The node does not have the block. Check its number; old state is kept by "
    "archive nodes only.",
    "no-such-transaction": "The node knows no such transaction, or a block holds it already, so "
    "there is nothing to replace.",
    "nonce-too-low": "The account has used the transaction's nonce already, perhaps from another "
    "program. Try again.",
    "other-code": "The contract at the address is another one than this release's. Check the "
    "address and the chain.",
    "request-refused": "The node answered with an error; its words are in the message.",
    "reverted": "A contract refused. The message has its reason, where it gave one that is known.",
    "selector-clash": "Two errors of contracts look the same on the chain, so none of them could "
    "be told. One must be renamed.",
    "transaction-refused": "The node did not take the transaction; its words are in the message.",
    "transaction-replaced": "Another transaction of the account took the nonce, so this one will "
    "never be in a block.",
    "transaction-timeout": "The transaction was sent, and is not in a block or not deep enough. "
    "Wait longer, or replace it: the same --nonce, and both fees an eighth higher.",
    "transaction-underpriced": "The node wants more for the transaction. Raise --gas-price and "
    "--priority-gas-price; one that replaces another needs both an eighth higher.",
    "transaction-unknown": "The transaction was signed and handed over, and no usable answer came. "
    "Look for its hash before you send another one.",
    "undecodable": "What a contract returned or logged is not of the types that it declares: most "
    "likely another contract stands there.",
    "unknown-artifact": "This package brings no contract of that name.",
    "unknown-member": "The contract declares no such function, event, error or indexed argument.",
    "wrong-chain": "The chain is not the one that is expected: its id differs. Check --rpc-url and "
    "--chain.",
    "bad-address": "An address is `0x` and 40 hex digits. Where capitals and small letters are "
    "mixed, they are a checksum, and a wrong one means that a digit was mistyped.",
}

_RECORDS = {
    "block-not-final": "The chain was read at a block that a reorganisation may still undo. Read "
    "the chain by its tag `finalized`.",
    "chain-not-read": "The policy pins a record, and no chain was read. Name a node and its "
    "registry by --registry.",
    "key-not-registered": "The record holds no key of the proof's backend: its registrant has "
    "vouched for none.",
    "local-chain": "Record or game stand on a development chain, whose holder can rewrite it. For "
    "tests and demos, --allow-local-chain accepts it.",
    "no-record": "The registry has no record of this id at the block that was read. Check the id; "
    "a record made lately counts once its block is final.",
    "record-deprecated": "The record's registrant advises against it. Ask for the successor, or "
    "allow it in the policy.",
    "record-not-frozen": "The policy demands a frozen record, and keys can still be added to this "
    "one.",
    "record-of-another-program": "The record names another program than the proof.",
    "registered-key-differs": "The record holds another key of this backend: derived with other "
    "settings, by another version, or from another program. A key on record never changes.",
    "registry-code-mismatch": "The contract at the registry's address is not the registry that "
    "the policy means.",
    "registry-without-code": "No contract stands at the registry's address at the block that was "
    "read.",
    "wrong-record": "The record is not the one that the policy names, or its id does not follow "
    "from registrant and program.",
    "wrong-registry": "The view was read from another contract than the policy names.",
}

_ASSERTIONS = {
    "assert-on-chain": "The evidence of the optimistic backend is a bonded assertion on a chain. "
    "Name a node (--rpc-url), and an account that signs and puts up the bond; several inputs are "
    "proven one after the other.",
    "assertion-not-read": "The proof names an assertion on a chain, and the verifier did not see "
    "it. Name your node by --rpc-url, one of the chain that the proof names.",
    "assertion-of-another-statement": "The assertion that the proof names says something else: "
    "another program, input, output or context.",
    "assertion-of-another-trace": "The assertion that the proof names has another trace than the "
    "proof says.",
    "assertion-pending": "The assertion can still be challenged, or nobody has closed it. Verify "
    "again after the time that the check shows.",
    "assertion-rejected": "The assertion was shown to be wrong, or nobody defended it: the proof "
    "proves nothing.",
    "assertion-unknown": "The game has no assertion of this name at the block that was read. One "
    "that was made lately counts once its block is final.",
    "game-code-mismatch": "The contract at the game's address has other code than the key names.",
    "game-key-mismatch": "The key is of another program, or of other rules, judging contracts or "
    "another version than the game at that address.",
    "game-needed": "A key of the optimistic backend names a dispute game. Give the game that "
    "counts by --game, and a node by --rpc-url.",
    "game-needs-program": "To derive the key of a game that you name takes the program and a node: "
    "--program and --rpc-url. With a lock that holds the key, leave --game out.",
    "game-not-genuine": "The contract is not a game of this release, or a contract that judges for "
    "it is not. Check the address and the chain; it may be another release's, or a forgery.",
    "game-without-code": "No contract stands at the game's address at the block that was read.",
    "no-game-key": "Nobody whom you trust says which dispute game counts. Give a lock or a record "
    "that holds its key, or --game with --program.",
    "nodes-not-judged": "The game's contracts refuse some of the program's nodes, so a lie about "
    "them could never be shown. Use another backend.",
    "nothing-to-read": "A node or a game is named, but the proof's evidence lies in its file and "
    "the policy pins no record. Leave --rpc-url or --game out.",
    "payload-not-canonical": "The payload is not in its one canonical form: the file was damaged, "
    "or made by another program.",
    "recheck-differs": "Your own execution gives another output or trace than was asserted: the "
    "assertion is wrong. While there is time, challenge it.",
    "recheck-impossible": "To repeat the execution takes the program and the input: give "
    "--program, and --input where the proof hides it.",
    "recheck-not-offered": "Only an assertion is checked by running the program again; a proof of "
    "another backend needs no such thing. Leave --recheck out.",
    "rules-too-hasty": "The game's rules leave an honest challenger too little time. Trust a game "
    "with a longer window and grace.",
    "two-games": "A game is named by --game, and the lock holds the key of another one. Leave "
    "--game out, or write the lock again.",
    "two-sessions": "A session on a chain is given, and beside it what would open another one. "
    "Give the session alone.",
    "two-nodes": "Two nodes are named, and all that is read of a chain is read at one. Leave "
    "--rpc-url out where --registry names a node.",
    "wrong-game": "The proof was made in another dispute game, or on another chain, than the one "
    "that you trust. Nobody may watch that game.",
}

_EXPORT = {
    "ambiguous-names": "Two tensors of the exported model would have one name.",
    "export-differs": "The exported file computes something else than the torch module.",
    "foreign-operator": "The torch module needs an operator that is not standard ONNX.",
    "input-count": "The number of names is not the number of inputs.",
    "no-batch-axis": "An input has no axis that could be the batch axis.",
    "not-a-tensor": "The example holds something that is no tensor.",
    "not-a-torch-module": "The first argument is not a torch module.",
    "opset": "The operator set is one that torch cannot export or that compile cannot read.",
    "output-count": "The number of names is not the number of outputs.",
    "output-type": "The module returns something other than tensors.",
}

CODES: Mapping[str, str] = MappingProxyType(
    {
        **_GENERAL,
        **_FILES,
        **_MODELS,
        **_INPUTS,
        **_EZKL,
        **_GKR,
        **_CHECKS,
        **_CHAIN,
        **_RECORDS,
        **_ASSERTIONS,
        **_EXPORT,
        **ATTESTATION_CODES,
        **AUDIT_CODES,
        **CHECK_CODES,
        **EZKL_CHAIN_CODES,
        **REQUIREMENT_CODES,
        **ROUTER_CODES,
        **QUORUM_CODES,
    }
)
"""By code one or two sentences: what it means, what to do."""

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IEvidenceDoor} from "./IEvidenceDoor.sol";
import {IInferenceVerifier} from "./IInferenceVerifier.sol";

/// @title VerifiedInference
/// @notice For contracts that act on a program's answer: once each, for their own use, and on the
///         evidence that they ask for.
/// @dev Evidence is public once it is sent. The context, computed here from this chain, this
///      contract, its caller and the request, makes it worthless to all others: neither another
///      contract nor another caller can use it. A contract that pays once for a request has to
///      remember that itself: several accounts may bring answers to one request.
abstract contract VerifiedInference {
    bytes32 private constant CONTEXT_LABEL = keccak256("verifiable/inference/context/v1");

    /// @dev What checks evidence.
    IInferenceVerifier internal immutable ROUTER;

    /// @dev Whose word counts for what: name of a record in the router's registry.
    bytes32 internal immutable RECORD_ID;

    /// @dev Root of the record's program.
    bytes32 internal immutable PROGRAM_ROOT;

    /// @dev Whether simulated evidence counts: for development.
    bool internal immutable SIMULATED;

    /// @notice Digests of statements that were acted on, by who brought them.
    mapping(address account => mapping(bytes32 statementDigest => bool used)) public consumed;

    /// @notice The answer was acted on before.
    /// @param account Who brought it.
    /// @param statementDigest Of its statement.
    error VerifiedInference_AlreadyUsed(address account, bytes32 statementDigest);

    /// @param router What checks evidence; whoever reads this contract has to trust its code.
    /// @param recordId Name of a record that exists; it never changes here. Unless it is frozen, its
    ///        registrant can still add keys of any backend that `_accepted` names.
    /// @param simulated Whether simulated evidence counts: for development only.
    constructor(IInferenceVerifier router, bytes32 recordId, bool simulated) {
        ROUTER = router;
        RECORD_ID = recordId;
        PROGRAM_ROOT = router.registry().programOf(recordId);
        SIMULATED = simulated;
    }

    /// @notice The context of an answer to a request of this contract.
    /// @param account Who will bring the answer: the caller of this contract.
    /// @param request Whatever tells one request from all others, a number or a hash.
    /// @return context What the statement has to have as context.
    function contextOf(address account, bytes32 request) public view returns (bytes32 context) {
        context =
            keccak256(abi.encode(CONTEXT_LABEL, block.chainid, address(this), account, request));
    }

    /// @dev Which evidence this contract acts on: clauses, one of which has to be met. It is not an
    ///      argument of `_useInference`, since callers would choose it there.
    /// @return anyOf See `IInferenceVerifier.verifyPolicy`.
    function _accepted() internal view virtual returns (IInferenceVerifier.Clause[] memory anyOf);

    /// @dev A clause of one backend; the most common policy.
    /// @param backend Its id, such as "ezkl".
    /// @return anyOf That evidence of this backend is enough.
    // slither-disable-next-line dead-code
    function _only(string memory backend)
        internal
        pure
        returns (IInferenceVerifier.Clause[] memory anyOf)
    {
        anyOf = new IInferenceVerifier.Clause[](1);
        anyOf[0].threshold = 1;
        anyOf[0].backends = new bytes4[](1);
        anyOf[0].backends[0] = bytes4(keccak256(bytes(backend)));
    }

    /// @dev Takes an answer that the caller brings, once; reverts if the evidence is not enough.
    /// @param inputRoot Input of the statement.
    /// @param outputRoot Output of the statement.
    /// @param request See `contextOf`.
    /// @param evidence Of different backends.
    /// @return statementDigest Of the statement.
    // slither-disable-next-line dead-code
    function _useInference(
        bytes32 inputRoot,
        bytes32 outputRoot,
        bytes32 request,
        IInferenceVerifier.Evidence[] calldata evidence
    ) internal returns (bytes32 statementDigest) {
        // INVARIANT IV-60: the statement is this contract's: its program, its caller, its request.
        IEvidenceDoor.Statement memory statement = IEvidenceDoor.Statement({
            programRoot: PROGRAM_ROOT,
            inputRoot: inputRoot,
            outputRoot: outputRoot,
            context: contextOf(msg.sender, request)
        });

        // INVARIANT IV-61: what is enough is this contract's choice, never the caller's.
        IInferenceVerifier.Clause[] memory anyOf = _accepted();

        // The router calls doors that its own code names, and they change nothing: no way back here.
        statementDigest = SIMULATED
            ? ROUTER.verifyPolicySimulated(RECORD_ID, statement, anyOf, evidence)
            : ROUTER.verifyPolicy(RECORD_ID, statement, anyOf, evidence);

        // INVARIANT IV-62: an answer counts once; evidence has many encodings, a statement has one.
        if (consumed[msg.sender][statementDigest]) {
            revert VerifiedInference_AlreadyUsed(msg.sender, statementDigest);
        }

        consumed[msg.sender][statementDigest] = true;
    }
}

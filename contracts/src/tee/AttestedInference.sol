// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IAttestationRegistry} from "./IAttestationRegistry.sol";

/// @title AttestedInference
/// @notice For contracts that act on an enclave's answer: once each, and for their own use only.
/// @dev The signed message names neither chain nor contract, so that one proof serves everyone. The
///      context does: it is computed here, from this chain, this contract and the request.
abstract contract AttestedInference {
    bytes32 private constant CONTEXT_LABEL = keccak256("verifiable/tee/context/v1");

    /// @dev First byte of the preimage of a statement's digest.
    bytes1 private constant STATEMENT_DOMAIN = 0x0a;

    /// @dev Whose keys count.
    IAttestationRegistry internal immutable ATTESTATIONS;

    /// @dev Digests of statements that were acted on.
    mapping(bytes32 statementDigest => bool used) private _used;

    /// @notice The answer comes from a simulated enclave.
    /// @param key Who signed it.
    error AttestedInference_NotHardware(address key);

    /// @notice The answer was acted on before.
    /// @param statementDigest Of its statement.
    error AttestedInference_AlreadyUsed(bytes32 statementDigest);

    /// @param registry Whose keys count; whoever reads this contract has to trust its owner.
    constructor(IAttestationRegistry registry) {
        ATTESTATIONS = registry;
    }

    /// @notice The context of an answer to a request of this contract.
    /// @param request Whatever tells one request from all others, a number or a hash.
    /// @return context What the enclave's statement has to have as context.
    function contextOf(bytes32 request) public view returns (bytes32 context) {
        context = keccak256(abi.encode(CONTEXT_LABEL, block.chainid, address(this), request));
    }

    /// @dev Takes an answer from real hardware, once.
    /// @param programRoot Program of the statement.
    /// @param inputRoot Input of the statement.
    /// @param outputRoot Output of the statement.
    /// @param request See `contextOf`.
    /// @param sig Signature of the enclave's key.
    /// @return key Who signed.
    // slither-disable-next-line dead-code
    function _useHardwareInference(
        bytes32 programRoot,
        bytes32 inputRoot,
        bytes32 outputRoot,
        bytes32 request,
        bytes calldata sig
    ) internal returns (address key) {
        bool hardware;
        (key, hardware) = _useInference(programRoot, inputRoot, outputRoot, request, sig);

        // INVARIANT AR-18: a simulated enclave shows nothing to whoever needs a real one.
        if (!hardware) revert AttestedInference_NotHardware(key);
    }

    /// @dev Takes an answer, once, even one that shows nothing: for development.
    /// @param programRoot Program of the statement.
    /// @param inputRoot Input of the statement.
    /// @param outputRoot Output of the statement.
    /// @param request See `contextOf`.
    /// @param sig Signature of the enclave's key.
    /// @return key Who signed.
    /// @return hardware False for a simulated enclave.
    // slither-disable-next-line dead-code
    function _useInference(
        bytes32 programRoot,
        bytes32 inputRoot,
        bytes32 outputRoot,
        bytes32 request,
        bytes calldata sig
    ) internal returns (address key, bool hardware) {
        bytes32 context = contextOf(request);
        bytes32 statementDigest = keccak256(
            abi.encodePacked(STATEMENT_DOMAIN, programRoot, inputRoot, outputRoot, context)
        );

        // INVARIANT AR-18: an answer counts once; the signature does not name it, the statement does.
        if (_used[statementDigest]) revert AttestedInference_AlreadyUsed(statementDigest);

        _used[statementDigest] = true;
        (key, hardware) =
            ATTESTATIONS.verifyInference(programRoot, inputRoot, outputRoot, context, sig);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IEvidenceDoor} from "./IEvidenceDoor.sol";

/// @title IInferenceVerifier
/// @notice One door for every kind of evidence that a registered program gave an output on an input.
/// @dev It has no owner and no storage, and it never says "no" but by reverting: a failed check may
///      be lack of gas and is evidence against nobody. An answer says nothing of single use: whoever
///      acts on it must see to that, see `VerifiedInference`. The consumer chooses the record, and
///      with it whose word counts: deprecated and unfrozen records are taken as any other.
///      The ids IV-* stand at each guard, in the tests and in `docs/security.md`.
interface IInferenceVerifier {
    /// @notice Evidence of one backend.
    /// @param backend First four bytes of keccak256 of the backend's id.
    /// @param proof As the backend's door takes it, see `docs/formats/router.md`.
    struct Evidence {
        bytes4 backend;
        bytes proof;
    }

    /// @notice A demand: evidence of so many different ones of these backends.
    /// @param threshold How many, from 1 to the number of backends.
    /// @param backends Selectors, each once.
    struct Clause {
        uint8 threshold;
        bytes4[] backends;
    }

    /// @notice A contract that this one calls has no code.
    /// @param target Its address.
    error InferenceVerifier_NoCode(address target);

    /// @notice The statement is about another program than the record.
    /// @param programRoot Of the statement.
    /// @param registered Of the record.
    error InferenceVerifier_WrongProgram(bytes32 programRoot, bytes32 registered);

    /// @notice The record pins no key of this backend.
    /// @param recordId Name of the record.
    /// @param backend Selector of the backend.
    error InferenceVerifier_NoKey(bytes32 recordId, bytes4 backend);

    /// @notice No backend that can be checked here or elsewhere has this selector.
    /// @param backend The selector.
    error InferenceVerifier_UnknownBackend(bytes4 backend);

    /// @notice This router was made without a door for this backend.
    /// @param backend Selector of the backend.
    error InferenceVerifier_NoDoor(bytes4 backend);

    /// @notice Evidence of this backend is checked off chain; its key stands in the record.
    /// @param backend Selector of the backend.
    error InferenceVerifier_VerifiedOffChain(bytes4 backend);

    /// @notice The evidence comes from a simulator and shows nothing.
    /// @param backend Selector of the backend.
    error InferenceVerifier_Simulated(bytes4 backend);

    /// @notice A clause demands nothing, more than it lists, or lists a backend twice.
    /// @param index Position of the clause.
    error InferenceVerifier_BadClause(uint256 index);

    /// @notice Two pieces of evidence are of one backend.
    /// @param backend Selector of the backend.
    error InferenceVerifier_SameBackendTwice(bytes4 backend);

    /// @notice All evidence holds, but it meets no clause.
    error InferenceVerifier_PolicyNotMet();

    /// @notice Reverts unless the evidence shows the statement under the key that the record pins.
    /// @param recordId Name of a record.
    /// @param statement What is to be shown.
    /// @param backend Selector of the evidence's backend.
    /// @param proof As the backend's door takes it.
    /// @return statementDigest Row 0a over the statement.
    function verify(
        bytes32 recordId,
        IEvidenceDoor.Statement calldata statement,
        bytes4 backend,
        bytes calldata proof
    ) external returns (bytes32 statementDigest);

    /// @notice Like `verify`, but takes simulated evidence too: for development.
    /// @param recordId Name of a record.
    /// @param statement What is to be shown.
    /// @param backend Selector of the evidence's backend.
    /// @param proof As the backend's door takes it.
    /// @return statementDigest Row 0a over the statement.
    function verifySimulated(
        bytes32 recordId,
        IEvidenceDoor.Statement calldata statement,
        bytes4 backend,
        bytes calldata proof
    ) external returns (bytes32 statementDigest);

    /// @notice Reverts unless all of the evidence shows the statement and meets a clause.
    /// @dev Any of n: one clause with threshold 1. All of n: one with threshold n. "ezkl or (tee and
    ///      optimistic)": [1 of {ezkl}], [2 of {tee, optimistic}].
    /// @param recordId Name of a record.
    /// @param statement What is to be shown.
    /// @param anyOf Clauses, one of which has to be met. The consumer's, never the prover's choice.
    /// @param evidence Of different backends. All of it must hold, whether a clause needs it or not.
    /// @return statementDigest Row 0a over the statement.
    function verifyPolicy(
        bytes32 recordId,
        IEvidenceDoor.Statement calldata statement,
        Clause[] calldata anyOf,
        Evidence[] calldata evidence
    ) external returns (bytes32 statementDigest);

    /// @notice Like `verifyPolicy`, but takes simulated evidence too: for development.
    /// @param recordId Name of a record.
    /// @param statement What is to be shown.
    /// @param anyOf Clauses, one of which has to be met. The consumer's, never the prover's choice.
    /// @param evidence Of different backends. All of it must hold, whether a clause needs it or not.
    /// @return statementDigest Row 0a over the statement.
    function verifyPolicySimulated(
        bytes32 recordId,
        IEvidenceDoor.Statement calldata statement,
        Clause[] calldata anyOf,
        Evidence[] calldata evidence
    ) external returns (bytes32 statementDigest);

    /// @notice Whose records count here.
    /// @return records The registry, for ever.
    function registry() external view returns (IModelRegistry records);

    /// @notice What checks evidence of a backend.
    /// @param backend Selector of the backend.
    /// @return door For ever; zero if evidence of this backend is not checked here.
    function doorOf(bytes4 backend) external view returns (IEvidenceDoor door);

    /// @notice Semantic version of the contract.
    /// @return number "1.0.0".
    function version() external pure returns (string memory number);
}

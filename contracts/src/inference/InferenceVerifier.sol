// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IEvidenceDoor} from "./IEvidenceDoor.sol";
import {IInferenceVerifier} from "./IInferenceVerifier.sol";

/// @title InferenceVerifier
/// @notice The router: finds the key that a record pins, and asks the door of the key's backend.
/// @dev No owner, no proxy, no storage, no value, no clock: all that it trusts are five addresses in
///      its code. That they hold genuine contracts is whoever's to check that relies on this one;
///      `verifiable router verify` and the Python client do. A door that is added needs a new router.
contract InferenceVerifier is IInferenceVerifier {
    bytes4 private constant EZKL = bytes4(keccak256("ezkl"));
    bytes4 private constant OPTIMISTIC = bytes4(keccak256("optimistic"));
    bytes4 private constant TEE = bytes4(keccak256("tee"));
    bytes4 private constant QUORUM = bytes4(keccak256("quorum"));
    bytes4 private constant GKR = bytes4(keccak256("gkr"));

    /// @dev First byte of the preimage of a statement's digest.
    bytes1 private constant STATEMENT_DOMAIN = 0x0a;

    IModelRegistry private immutable REGISTRY;
    IEvidenceDoor private immutable EZKL_DOOR;
    IEvidenceDoor private immutable OPTIMISTIC_DOOR;
    IEvidenceDoor private immutable TEE_DOOR;
    IEvidenceDoor private immutable QUORUM_DOOR;

    /// @param records Whose records count.
    /// @param ezklDoor Checks evidence of the backend `ezkl`; zero for none, as with the others.
    /// @param optimisticDoor Checks evidence of the backend `optimistic`.
    /// @param teeDoor Checks evidence of the backend `tee`.
    /// @param quorumDoor Checks evidence of the backend `quorum`.
    constructor(
        IModelRegistry records,
        IEvidenceDoor ezklDoor,
        IEvidenceDoor optimisticDoor,
        IEvidenceDoor teeDoor,
        IEvidenceDoor quorumDoor
    ) {
        // INVARIANT IV-1: what answers here is a contract from the start, and no code comes later.
        if (address(records).code.length == 0) revert InferenceVerifier_NoCode(address(records));
        _demandCode(ezklDoor);
        _demandCode(optimisticDoor);
        _demandCode(teeDoor);
        _demandCode(quorumDoor);

        REGISTRY = records;
        EZKL_DOOR = ezklDoor;
        OPTIMISTIC_DOOR = optimisticDoor;
        TEE_DOOR = teeDoor;
        QUORUM_DOOR = quorumDoor;
    }

    /// @inheritdoc IInferenceVerifier
    function verify(
        bytes32 recordId,
        IEvidenceDoor.Statement calldata statement,
        bytes4 backend,
        bytes calldata proof
    ) external returns (bytes32 statementDigest) {
        statementDigest = _verify(recordId, statement, backend, proof, false);
    }

    /// @inheritdoc IInferenceVerifier
    function verifySimulated(
        bytes32 recordId,
        IEvidenceDoor.Statement calldata statement,
        bytes4 backend,
        bytes calldata proof
    ) external returns (bytes32 statementDigest) {
        statementDigest = _verify(recordId, statement, backend, proof, true);
    }

    /// @inheritdoc IInferenceVerifier
    function verifyPolicy(
        bytes32 recordId,
        IEvidenceDoor.Statement calldata statement,
        Clause[] calldata anyOf,
        Evidence[] calldata evidence
    ) external returns (bytes32 statementDigest) {
        statementDigest = _verifyPolicy(recordId, statement, anyOf, evidence, false);
    }

    /// @inheritdoc IInferenceVerifier
    function verifyPolicySimulated(
        bytes32 recordId,
        IEvidenceDoor.Statement calldata statement,
        Clause[] calldata anyOf,
        Evidence[] calldata evidence
    ) external returns (bytes32 statementDigest) {
        statementDigest = _verifyPolicy(recordId, statement, anyOf, evidence, true);
    }

    /// @inheritdoc IInferenceVerifier
    function registry() external view returns (IModelRegistry records) {
        records = REGISTRY;
    }

    /// @inheritdoc IInferenceVerifier
    function doorOf(bytes4 backend) external view returns (IEvidenceDoor door) {
        door = _doorOf(backend);
    }

    /// @inheritdoc IInferenceVerifier
    function version() external pure returns (string memory number) {
        number = "1.0.0";
    }

    /// @dev See `verify`.
    /// @param recordId Name of a record.
    /// @param statement What is to be shown.
    /// @param backend Selector of the evidence's backend.
    /// @param proof As the backend's door takes it.
    /// @param simulatedToo Whether simulated evidence counts.
    /// @return statementDigest Row 0a over the statement.
    function _verify(
        bytes32 recordId,
        IEvidenceDoor.Statement calldata statement,
        bytes4 backend,
        bytes calldata proof,
        bool simulatedToo
    ) private returns (bytes32 statementDigest) {
        IEvidenceDoor.Pinned memory pinned = _pinned(recordId, statement);
        statementDigest = _digestOf(statement);
        _check(pinned, statement, statementDigest, backend, proof, simulatedToo);
    }

    /// @dev See `verifyPolicy`.
    /// @param recordId Name of a record.
    /// @param statement What is to be shown.
    /// @param anyOf Clauses, one of which has to be met.
    /// @param evidence Of different backends.
    /// @param simulatedToo Whether simulated evidence counts.
    /// @return statementDigest Row 0a over the statement.
    function _verifyPolicy(
        bytes32 recordId,
        IEvidenceDoor.Statement calldata statement,
        Clause[] calldata anyOf,
        Evidence[] calldata evidence,
        bool simulatedToo
    ) private returns (bytes32 statementDigest) {
        // What can be told without looking at evidence comes first: it costs the caller less.
        _demandOnce(evidence);
        _demandMet(anyOf, evidence);

        IEvidenceDoor.Pinned memory pinned = _pinned(recordId, statement);
        statementDigest = _digestOf(statement);

        // INVARIANT IV-8: all evidence must hold; a policy weakens nothing that was brought.
        for (uint256 i = 0; i < evidence.length; ++i) {
            _check(
                pinned,
                statement,
                statementDigest,
                evidence[i].backend,
                evidence[i].proof,
                simulatedToo
            );
        }
    }

    /// @dev Asks the door of a backend, under the backend's key.
    /// @param pinned What the record says; its key is set here.
    /// @param statement What is to be shown.
    /// @param statementDigest Of the statement.
    /// @param backend Selector of the backend.
    /// @param proof As the backend's door takes it.
    /// @param simulatedToo Whether simulated evidence counts.
    function _check(
        IEvidenceDoor.Pinned memory pinned,
        IEvidenceDoor.Statement calldata statement,
        bytes32 statementDigest,
        bytes4 backend,
        bytes calldata proof,
        bool simulatedToo
    ) private {
        // INVARIANT IV-3: the registrant vouched for this backend's key, or there is nothing to ask.
        pinned.keyDigest = REGISTRY.keyOf(pinned.recordId, backend);
        if (pinned.keyDigest == bytes32(0)) {
            revert InferenceVerifier_NoKey(pinned.recordId, backend);
        }

        // INVARIANT IV-4: a backend without door is refused by name; nothing passes unasked.
        IEvidenceDoor door = _doorOf(backend);
        if (address(door) == address(0)) _refuse(backend);

        bool simulated = door.check(pinned, statement, statementDigest, proof);

        // INVARIANT IV-5: a simulator shows nothing to whoever did not ask for one.
        if (simulated && !simulatedToo) revert InferenceVerifier_Simulated(backend);
    }

    /// @dev What the registry says of a record.
    /// @param recordId Name of a record; the registry reverts if there is none.
    /// @param statement What is to be shown.
    /// @return pinned All but the key.
    function _pinned(bytes32 recordId, IEvidenceDoor.Statement calldata statement)
        private
        view
        returns (IEvidenceDoor.Pinned memory pinned)
    {
        IModelRegistry.Record memory record = REGISTRY.recordOf(recordId);

        // INVARIANT IV-2: a record vouches for its own program only.
        if (statement.programRoot != record.programRoot) {
            revert InferenceVerifier_WrongProgram(statement.programRoot, record.programRoot);
        }

        pinned.recordId = recordId;
        pinned.programRoot = record.programRoot;
        pinned.schemaHash = record.schemaHash;
        pinned.specVersion = record.specVersion;
        pinned.leafLog2 = record.leafLog2;
    }

    /// @dev See `doorOf`.
    /// @param backend Selector of the backend.
    /// @return door Zero if there is none.
    function _doorOf(bytes4 backend) private view returns (IEvidenceDoor door) {
        if (backend == EZKL) return EZKL_DOOR;
        if (backend == OPTIMISTIC) return OPTIMISTIC_DOOR;
        if (backend == TEE) return TEE_DOOR;
        if (backend == QUORUM) return QUORUM_DOOR;
    }

    /// @dev Says why evidence of a backend that has no door is not taken.
    /// @param backend Selector of the backend.
    function _refuse(bytes4 backend) private pure {
        if (backend == GKR) revert InferenceVerifier_VerifiedOffChain(backend);
        if (backend == EZKL || backend == OPTIMISTIC || backend == TEE || backend == QUORUM) {
            revert InferenceVerifier_NoDoor(backend);
        }
        revert InferenceVerifier_UnknownBackend(backend);
    }

    /// @dev Reverts unless a door has code, or is none.
    /// @param door A door; zero for none.
    function _demandCode(IEvidenceDoor door) private view {
        if (address(door) != address(0) && address(door).code.length == 0) {
            revert InferenceVerifier_NoCode(address(door));
        }
    }

    /// @dev Reverts if two pieces of evidence are of one backend.
    /// @param evidence All of it.
    function _demandOnce(Evidence[] calldata evidence) private pure {
        // INVARIANT IV-6: evidence counts once for each backend; a copy of it shows nothing more.
        for (uint256 i = 1; i < evidence.length; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                if (evidence[i].backend == evidence[j].backend) {
                    revert InferenceVerifier_SameBackendTwice(evidence[i].backend);
                }
            }
        }
    }

    /// @dev Reverts unless a clause is met, given that all evidence holds.
    /// @param anyOf Clauses, all of which have to make sense.
    /// @param evidence Of different backends.
    function _demandMet(Clause[] calldata anyOf, Evidence[] calldata evidence) private pure {
        bool met = false;
        for (uint256 i = 0; i < anyOf.length; ++i) {
            // INVARIANT IV-7: no clause is met by nothing, by one backend twice, or never.
            _demandSense(anyOf[i], i);
            if (_brought(anyOf[i], evidence) >= anyOf[i].threshold) met = true;
        }

        // INVARIANT IV-9: no policy, no answer.
        if (!met) revert InferenceVerifier_PolicyNotMet();
    }

    /// @dev Reverts unless a clause makes sense.
    /// @param clause The clause.
    /// @param index Its position.
    function _demandSense(Clause calldata clause, uint256 index) private pure {
        bytes4[] calldata backends = clause.backends;
        if (clause.threshold == 0 || clause.threshold > backends.length) {
            revert InferenceVerifier_BadClause(index);
        }
        for (uint256 i = 1; i < backends.length; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                if (backends[i] == backends[j]) revert InferenceVerifier_BadClause(index);
            }
        }
    }

    /// @dev How many of a clause's backends there is evidence of.
    /// @param clause The clause.
    /// @param evidence Of different backends.
    /// @return count At most the number of the clause's backends.
    function _brought(Clause calldata clause, Evidence[] calldata evidence)
        private
        pure
        returns (uint256 count)
    {
        for (uint256 i = 0; i < clause.backends.length; ++i) {
            for (uint256 j = 0; j < evidence.length; ++j) {
                if (clause.backends[i] == evidence[j].backend) ++count;
            }
        }
    }

    /// @dev Row 0a of `docs/formats/commitments.md`.
    /// @param statement Any.
    /// @return statementDigest Of it.
    function _digestOf(IEvidenceDoor.Statement calldata statement)
        private
        pure
        returns (bytes32 statementDigest)
    {
        statementDigest = keccak256(
            abi.encodePacked(
                STATEMENT_DOMAIN,
                statement.programRoot,
                statement.inputRoot,
                statement.outputRoot,
                statement.context
            )
        );
    }
}

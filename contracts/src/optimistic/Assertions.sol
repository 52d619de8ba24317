// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bonds} from "./Bonds.sol";
import {Commitments} from "./Commitments.sol";
import {Commits} from "./Commits.sol";
import {IDisputeGame} from "./IDisputeGame.sol";
import {IFaultJudge} from "./IFaultJudge.sol";
import {Programs} from "./Programs.sol";

/// @title Assertions
/// @notice Bonded statements: how they are made, proven wrong, and become final.
/// @dev Any number of assertions of one statement stand side by side, each with its own bond and
///      window; none knows of another. `_leavePending` is the one way out of `Pending`.
abstract contract Assertions is Bonds, Commits, Programs {
    /// @notice Longest hint where a trace may be found.
    uint256 public constant MAX_URI_BYTES = 1024;

    /// @dev Row 06.
    bytes1 private constant ASSERTION_DOMAIN = 0x06;

    /// @dev Assertions by name.
    mapping(bytes32 assertionId => Assertion assertion) private _assertions;

    /// @dev How many each account made.
    mapping(address asserter => uint64 count) private _nonces;

    /// @dev First final assertion of each statement.
    mapping(bytes32 statementDigest => bytes32 assertionId) private _final;

    /// @inheritdoc IDisputeGame
    function assertResult(
        Statement calldata statement,
        bytes32 traceRoot,
        Opening[] calldata outputs,
        string calldata traceURI,
        bytes32 salt
    ) external payable returns (bytes32 assertionId) {
        _deposit(BOND_A);
        bytes32 digest = Commitments.statementDigest(
            statement.programRoot, statement.inputRoot, statement.outputRoot, statement.context
        );
        _useCommit(CommitKind.Result, digest, traceRoot, salt, MIN_COMMIT_AGE);
        _checkOutputs(statement, traceRoot, outputs);
        if (bytes(traceURI).length > MAX_URI_BYTES) {
            revert Game_URITooLong(bytes(traceURI).length);
        }
        assertionId = _newId(digest, traceRoot);
        _assertions[assertionId] = Assertion({
            asserter: msg.sender,
            assertedAt: uint48(block.timestamp),
            openGames: 0,
            status: Status.Pending,
            programRoot: statement.programRoot,
            inputRoot: statement.inputRoot,
            traceRoot: traceRoot,
            statementDigest: digest
        });
        emit Asserted(
            assertionId,
            digest,
            msg.sender,
            statement,
            traceRoot,
            outputs,
            block.timestamp,
            traceURI
        );
    }

    /// @inheritdoc IDisputeGame
    function proveFault(bytes32 assertionId, FaultKind kind, bytes calldata proof, bytes32 salt)
        external
    {
        _contestable(assertionId);
        _checkProof(assertionId, kind, proof, salt);
        _leavePending(assertionId, Status.Rejected, msg.sender);
    }

    /// @inheritdoc IDisputeGame
    function finalize(bytes32 assertionId) external {
        Assertion storage assertion = _pending(assertionId);

        // INVARIANT OP-14: nobody can contest it any more, and nobody does.
        if (_inWindow(assertion) || assertion.openGames != 0) revert Game_NotFinal(assertionId);

        bytes32 digest = assertion.statementDigest;
        if (_final[digest] == bytes32(0)) _final[digest] = assertionId;
        _leavePending(assertionId, Status.Finalized, assertion.asserter);
    }

    /// @inheritdoc IDisputeGame
    function status(bytes32 assertionId) external view returns (Status state) {
        state = _assertions[assertionId].status;
    }

    /// @inheritdoc IDisputeGame
    function assertionOf(bytes32 assertionId) external view returns (Assertion memory assertion) {
        assertion = _assertions[assertionId];
    }

    /// @inheritdoc IDisputeGame
    function finalisedStatement(bytes32 statementDigest)
        external
        view
        returns (bytes32 assertionId)
    {
        assertionId = _final[statementDigest];
    }

    /// @dev An assertion in any state.
    /// @param assertionId Its name.
    /// @return assertion In storage.
    function _assertionAt(bytes32 assertionId) internal view returns (Assertion storage assertion) {
        assertion = _assertions[assertionId];
    }

    /// @dev An assertion that is pending.
    /// @param assertionId Its name.
    /// @return assertion In storage.
    function _pending(bytes32 assertionId) internal view returns (Assertion storage assertion) {
        assertion = _assertions[assertionId];

        // INVARIANT OP-13: what is not asserted, or is decided, is past all play.
        if (assertion.status != Status.Pending) {
            revert Game_NotPending(assertionId, assertion.status);
        }
    }

    /// @dev An assertion that is pending and inside its window.
    /// @param assertionId Its name.
    /// @return assertion In storage.
    function _contestable(bytes32 assertionId) internal view returns (Assertion storage assertion) {
        assertion = _pending(assertionId);

        // INVARIANT OP-13: the window bounds when an assertion becomes final.
        if (!_inWindow(assertion)) revert Game_WindowClosed(assertionId);
    }

    /// @dev Reverts unless the caller committed to a proof that holds.
    /// @param assertionId A pending assertion.
    /// @param kind What is wrong.
    /// @param proof `abi.encode` of the struct for this kind.
    /// @param salt Of the commit.
    function _checkProof(bytes32 assertionId, FaultKind kind, bytes calldata proof, bytes32 salt)
        internal
    {
        CommitKind purpose = kind == FaultKind.Element ? CommitKind.Element : CommitKind.Padding;
        _useCommit(purpose, assertionId, keccak256(proof), salt, MIN_COMMIT_AGE);
        Assertion storage assertion = _assertions[assertionId];
        IFaultJudge.Trace memory trace = IFaultJudge.Trace({
            verifier: ROUTER,
            inputRoot: assertion.inputRoot,
            traceRoot: assertion.traceRoot,
            facts: _admitted(assertion.programRoot)
        });

        // INVARIANT OP-8: a judge that reverts, for want of gas also, has found nothing.
        (uint32 node, uint256 place) = JUDGE.check(trace, kind, proof);

        emit FaultProven(assertionId, msg.sender, kind, node, place);
    }

    /// @dev Decides an assertion: the one way out of `Pending`.
    /// @param assertionId Its name.
    /// @param state What it becomes: `Rejected` or `Finalized`.
    /// @param beneficiary Who gets the reward, or the bond.
    function _leavePending(bytes32 assertionId, Status state, address beneficiary) internal {
        // INVARIANT OP-15: an assertion is decided once.
        Assertion storage assertion = _pending(assertionId);

        assertion.status = state;
        if (state == Status.Rejected) {
            emit Rejected(assertionId, beneficiary);
            _slashAsserterBond(beneficiary);
        } else {
            emit Finalized(assertionId, assertion.statementDigest);
            _returnAsserterBond(beneficiary);
        }
    }

    /// @inheritdoc Programs
    function _rules() internal view override returns (Params memory rules) {
        rules = _params();
    }

    /// @inheritdoc Programs
    function _maxMoves() internal view override returns (uint256 moves) {
        moves = MAX_MOVES;
    }

    /// @dev Whether an assertion can still be contested.
    /// @param assertion In storage.
    /// @return open True before the last second of the window has passed.
    function _inWindow(Assertion storage assertion) private view returns (bool open) {
        open = block.timestamp < uint256(assertion.assertedAt) + WINDOW;
    }

    /// @dev A name that no assertion has or will have again.
    /// @param digest Of the statement.
    /// @param traceRoot As asserted.
    /// @return assertionId Row 06; all members have a fixed width.
    function _newId(bytes32 digest, bytes32 traceRoot) private returns (bytes32 assertionId) {
        uint64 nonce = _nonces[msg.sender]++;
        assertionId = keccak256(
            abi.encodePacked(
                ASSERTION_DOMAIN, block.chainid, address(this), nonce, msg.sender, digest, traceRoot
            )
        );
    }

    /// @dev Reverts unless the outputs are those of the trace.
    /// @param statement What is asserted.
    /// @param traceRoot Root of the trace.
    /// @param outputs Root of each output and its branch into the trace.
    function _checkOutputs(
        Statement calldata statement,
        bytes32 traceRoot,
        Opening[] calldata outputs
    ) private view {
        ProgramFacts storage facts = _admitted(statement.programRoot);
        uint32[] memory ids = facts.outputIds;
        uint256 count = ids.length;

        // INVARIANT OP-2: the output root is made of the outputs' roots, all of them.
        if (outputs.length != count || _outputRoot(outputs) != statement.outputRoot) {
            revert Game_DataMismatch();
        }

        uint256 nodes = facts.nodeCount;
        for (uint256 i = 0; i < count; ++i) {
            bytes32 leaf = Commitments.traceLeaf(ids[i], outputs[i].root);

            // INVARIANT OP-1: a right trace cannot be asserted with another output.
            if (Commitments.rootFromBranch(leaf, ids[i], nodes, outputs[i].branch) != traceRoot) {
                revert Game_OutputNotBound(i);
            }
        }
    }

    /// @dev The root of one or several outputs.
    /// @param outputs Their roots, at least one.
    /// @return root As `docs/formats/commitments.md` defines it.
    function _outputRoot(Opening[] calldata outputs) private pure returns (bytes32 root) {
        if (outputs.length == 1) return outputs[0].root;
        bytes32[] memory rows = new bytes32[](1 << Commitments.treeHeight(outputs.length));
        for (uint256 i = 0; i < outputs.length; ++i) {
            // As many as a stored program has, so fewer than 2^32.
            // forge-lint: disable-next-line(unsafe-typecast)
            rows[i] = Commitments.namedLeaf(uint32(i), outputs[i].root);
        }
        root = Commitments.rootFromLevel(rows); // the filler of these rows is zero
    }
}

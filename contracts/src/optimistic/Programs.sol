// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Commitments} from "./Commitments.sol";
import {IDisputeGame} from "./IDisputeGame.sol";
import {IFaultJudge} from "./IFaultJudge.sol";
import {IStepRouter} from "./IStepRouter.sol";

/// @title Programs
/// @notice What a game must know of a program, taken from the opened preimage of its root.
/// @dev Admission is for everybody and for ever, and vouches for nothing: the roots are what the
///      header says. Whoever relies on a program checks its nodes (`IStepVerifier.checkNode`): lies
///      about a node that cannot be judged cannot be shown.
abstract contract Programs is IDisputeGame {
    /// @dev Row 08.
    bytes1 private constant GAME_DOMAIN = 0x08;

    /// @dev The version of the commitments that this contract implements.
    uint16 private constant SPEC_VERSION = 1;

    /// @dev Levels that a reveal opens: it has 16 descendants.
    uint256 internal constant LEVELS = 4;

    IFaultJudge internal immutable JUDGE;
    IStepRouter internal immutable ROUTER;

    /// @dev Code hash of the judge.
    bytes32 private immutable JUDGE_HASH;

    /// @dev Code hash of the router.
    bytes32 private immutable ROUTER_HASH;

    /// @dev Digest over the code of the contracts that it hands nodes to.
    bytes32 private immutable FAMILIES_HASH;

    /// @dev Programs by root; one without nodes is not admitted.
    mapping(bytes32 programRoot => ProgramFacts facts) private _programs;

    /// @param faultJudge Checks proofs.
    /// @param stepRouter Judges steps.
    constructor(IFaultJudge faultJudge, IStepRouter stepRouter) {
        JUDGE = faultJudge;
        ROUTER = stepRouter;
        JUDGE_HASH = _codeHash(address(faultJudge));
        ROUTER_HASH = _codeHash(address(stepRouter));
        FAMILIES_HASH = stepRouter.familyCodeHashes();
    }

    /// @inheritdoc IDisputeGame
    function admitProgram(Header calldata header) external returns (bytes32 programRoot) {
        // INVARIANT OP-2: the root is computed from what it binds, never taken from the caller.
        programRoot = Commitments.programRoot(
            header.specVersion,
            header.leafLog2,
            header.graphRoot,
            header.weightsRoot,
            header.tablesRoot,
            Commitments.schemaDigest(header.schema)
        );

        ProgramFacts storage facts = _programs[programRoot];
        if (facts.nodeCount != 0) revert Game_AlreadyAdmitted(programRoot);

        Schema memory schema = abi.decode(header.schema, (Schema));
        _checkProgram(header.specVersion, header.leafLog2, schema);
        facts.graphRoot = header.graphRoot;
        facts.weightsRoot = header.weightsRoot;
        facts.tablesRoot = header.tablesRoot;
        facts.nodeCount = schema.nodeCount;
        facts.inputCount = uint32(schema.inputs.length); // an array in calldata is shorter
        facts.leafLog2 = header.leafLog2;
        facts.maxHeight = schema.maxHeight;
        facts.outputIds = schema.outputIds;
        emit ProgramAdmitted(programRoot, header);
    }

    /// @inheritdoc IDisputeGame
    function programOf(bytes32 programRoot) external view returns (ProgramFacts memory facts) {
        facts = _programs[programRoot];
    }

    /// @inheritdoc IDisputeGame
    function verifiers() external view returns (address judge, address router) {
        (judge, router) = (address(JUDGE), address(ROUTER));
    }

    /// @inheritdoc IDisputeGame
    function gameKeyOf(bytes32 programRoot) external view returns (bytes32 gameKey) {
        bytes32 rulesHash = keccak256(abi.encode(_rules()));

        // INVARIANT OP-20: the key names the code that judges and the rules that bind it.
        gameKey = keccak256(
            abi.encodePacked(
                GAME_DOMAIN, programRoot, JUDGE_HASH, ROUTER_HASH, FAMILIES_HASH, rulesHash
            )
        );
    }

    /// @dev The parameters, for the key.
    /// @return rules See `Params`.
    function _rules() internal view virtual returns (Params memory rules);

    /// @dev Most moves of a game, for admission.
    /// @return moves See `Params`.
    function _maxMoves() internal view virtual returns (uint256 moves);

    /// @dev What is kept of an admitted program.
    /// @param programRoot Root of a program.
    /// @return facts In storage.
    function _admitted(bytes32 programRoot) internal view returns (ProgramFacts storage facts) {
        facts = _programs[programRoot];
        if (facts.nodeCount == 0) revert Game_UnknownProgram(programRoot);
    }

    /// @dev Refuses a program that a game could not be played about.
    /// @param specVersion As in the header.
    /// @param leafLog2 As in the header.
    /// @param schema Of the program.
    function _checkProgram(uint16 specVersion, uint8 leafLog2, Schema memory schema) private view {
        _require(specVersion == SPEC_VERSION, ProgramRule.SpecVersion);
        _require(leafLog2 == 10 || leafLog2 == 8 || leafLog2 == 5, ProgramRule.LeafSize);
        _require(schema.nodeCount != 0, ProgramRule.NoNodes);
        uint256 outputs = schema.outputIds.length;
        _require(outputs != 0 && outputs == schema.outputs.length, ProgramRule.Outputs);
        for (uint256 i = 0; i < outputs; ++i) {
            _require(schema.outputIds[i] < schema.nodeCount, ProgramRule.Outputs);
        }

        // INVARIANT OP-19: reveals and selections of the longest game, one tensor, one leaf, a proof.
        uint256 reveals = _reveals(Commitments.treeHeight(schema.nodeCount));
        reveals += _reveals(schema.maxHeight);
        _require(2 * reveals + 3 <= _maxMoves(), ProgramRule.TooDeep);
    }

    /// @dev Reveals from a root down to a leaf.
    /// @param height Of the tree.
    /// @return count How many.
    function _reveals(uint256 height) private pure returns (uint256 count) {
        count = (height + LEVELS - 1) / LEVELS;
    }

    /// @dev Reverts if a rule is broken.
    /// @param holds Whether it is not.
    /// @param rule Which.
    function _require(bool holds, ProgramRule rule) private pure {
        if (!holds) revert Game_BadProgram(rule);
    }

    /// @dev Code hash of a contract.
    /// @param verifier The contract.
    /// @return hash Of its code.
    function _codeHash(address verifier) private view returns (bytes32 hash) {
        // INVARIANT OP-20: code that is there stays; what is not there could become anything.
        if (verifier.code.length == 0) revert Game_WrongVerifier(verifier);

        hash = verifier.codehash;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {DisputeGame} from "../../src/optimistic/DisputeGame.sol";
import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {IFaultJudge} from "../../src/optimistic/IFaultJudge.sol";
import {IStepRouter} from "../../src/optimistic/IStepRouter.sol";
import {TestBase} from "../utils/TestBase.sol";
import {TinyProgram} from "./TinyProgram.sol";

/// @notice The cheatcodes that only games need.
interface Cheats {
    function chainId(uint256 id) external;
    function deployCode(string calldata artifact) external returns (address);
    function deployCode(string calldata artifact, bytes calldata arguments)
        external
        returns (address);
    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;
    function expectRevert() external;
    function pauseGasMetering() external;
    function resumeGasMetering() external;
    function txGasPrice(uint256 price) external;
    function warp(uint256 time) external;
}

/// @notice Makes games. Tests would be too large for a transaction if each held all this code.
contract GameMaker {
    function make(IFaultJudge judge, IStepRouter router, IDisputeGame.Params calldata rules)
        external
        returns (DisputeGame)
    {
        return new DisputeGame(judge, router, rules);
    }
}

/// @notice Plays games: a fresh contract with the real step verifiers, people, and right moves.
abstract contract DisputeKit is TestBase {
    Cheats internal constant cheats =
        Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    address internal constant ALICE = address(0xa11ce); // asserts
    address internal constant CAROL = address(0xca401); // challenges
    address internal constant DAVE = address(0xdaffe); // helps
    address internal constant MALLORY = address(0x3a110); // lies, copies, saboteurs

    uint64 internal constant WINDOW = 1 days;
    uint64 internal constant CLOCK = 12 hours;
    uint64 internal constant GRACE = 1 hours;
    uint96 internal constant BOND_A = 0.5 ether;
    uint96 internal constant BOND_C = 0.13 ether;
    uint256 internal constant CAP = 50 gwei;
    uint256 internal constant AGE = 2;
    uint256 internal constant START = 1_800_000_000;
    bytes32 internal constant SALT = keccak256("a salt");

    IFaultJudge internal judge;
    IStepRouter internal router;
    GameMaker internal maker;
    DisputeGame internal game;

    function setUp() public virtual {
        cheats.warp(START);
        vm.roll(1000);
        cheats.pauseGasMetering(); // all contracts at once are more than a transaction may make
        router = IStepRouter(
            cheats.deployCode(
                "StepRouter.sol:StepRouter",
                abi.encode(
                    cheats.deployCode("LinearSteps.sol:LinearSteps"),
                    cheats.deployCode("ElementwiseSteps.sol:ElementwiseSteps"),
                    cheats.deployCode("WindowSteps.sol:WindowSteps"),
                    cheats.deployCode("MovementSteps.sol:MovementSteps")
                )
            )
        );
        judge = IFaultJudge(cheats.deployCode("FaultJudge.sol:FaultJudge"));
        maker = GameMaker(cheats.deployCode("DisputeKit.sol:GameMaker"));
        game = maker.make(judge, router, _params());
        cheats.resumeGasMetering();
        game.admitProgram(TinyProgram.header(TinyProgram.Kind.Chain));
        address[4] memory people = [ALICE, CAROL, DAVE, MALLORY];
        for (uint256 i = 0; i < people.length; ++i) {
            cheats.deal(people[i], 1000 ether);
        }
    }

    function _params() internal pure returns (IDisputeGame.Params memory) {
        return IDisputeGame.Params({
            window: WINDOW,
            clockA: CLOCK,
            clockC: CLOCK,
            grace: GRACE,
            maxMoves: 20,
            bondA: BOND_A,
            bondC: BOND_C,
            rewardBps: 5000,
            refundBps: 7500,
            minCommitAge: uint32(AGE),
            gasPriceCap: uint96(CAP)
        });
    }

    // --- asserting and proving ---

    function _honest() internal pure returns (TinyProgram.Trace memory) {
        return TinyProgram.honest(TinyProgram.Kind.Chain);
    }

    /// @dev Element 37 of node 2 is one too large, and all that follows from it is as it has to be.
    function _wrong() internal pure returns (TinyProgram.Trace memory) {
        return TinyProgram.run(TinyProgram.Kind.Chain, 2, 37, 1, true);
    }

    function _assert(address who, TinyProgram.Trace memory trace) internal returns (bytes32) {
        return _assert(who, trace, TinyProgram.statement(trace));
    }

    function _assert(
        address who,
        TinyProgram.Trace memory trace,
        IDisputeGame.Statement memory said
    ) internal returns (bytes32 assertionId) {
        bytes32 root = TinyProgram.traceRoot(trace);
        _commit(who, IDisputeGame.CommitKind.Result, TinyProgram.digestOf(said), root);
        vm.roll(block.number + AGE);
        vm.prank(who);
        assertionId =
            game.assertResult{value: BOND_A}(said, root, TinyProgram.outputs(trace), "", SALT);
    }

    function _commit(address who, IDisputeGame.CommitKind kind, bytes32 subject, bytes32 payload)
        internal
        returns (bytes32 digest)
    {
        digest = _digest(who, kind, subject, payload);
        vm.prank(who);
        game.commit(digest);
    }

    /// @dev The preimage of a commit, written another way than the contract writes it.
    function _digest(address who, IDisputeGame.CommitKind kind, bytes32 subject, bytes32 payload)
        internal
        view
        returns (bytes32)
    {
        bytes memory place = bytes.concat(hex"07", bytes32(block.chainid), bytes20(address(game)));
        bytes memory what = bytes.concat(bytes1(uint8(kind)), bytes20(who), subject, payload);
        return keccak256(bytes.concat(place, what, SALT));
    }

    function _open(address who, bytes32 assertionId) internal returns (uint256 gameId) {
        vm.prank(who);
        gameId = game.openGame{value: BOND_C}(assertionId);
    }

    /// @dev Commits to a proof and waits until it can be used.
    function _ready(address who, bytes32 assertionId, bytes memory proof) internal {
        _commit(who, IDisputeGame.CommitKind.Element, assertionId, keccak256(proof));
        vm.roll(block.number + AGE);
    }

    function _readyPadding(address who, bytes32 assertionId, bytes memory proof) internal {
        _commit(who, IDisputeGame.CommitKind.Padding, assertionId, keccak256(proof));
        vm.roll(block.number + AGE);
    }

    function _proveElement(address who, bytes32 assertionId, bytes memory proof) internal {
        _ready(who, assertionId, proof);
        vm.prank(who);
        game.proveFault(assertionId, IDisputeGame.FaultKind.Element, proof, SALT);
    }

    function _provePadding(address who, bytes32 assertionId, bytes memory proof) internal {
        _readyPadding(who, assertionId, proof);
        vm.prank(who);
        game.proveFault(assertionId, IDisputeGame.FaultKind.Padding, proof, SALT);
    }

    /// @dev The proof about `_wrong`.
    function _wrongProof() internal pure returns (bytes memory) {
        return abi.encode(TinyProgram.elementProof(_wrong(), 2, 37));
    }

    // --- moves ---

    /// @dev Whoever holds the trace shows what is asked for.
    function _reveal(address who, uint256 gameId, TinyProgram.Trace memory trace) internal {
        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        if (at_.phase == IDisputeGame.Phase.Node) {
            bytes32[] memory rows = TinyProgram.graphRows(trace.kind);
            bytes memory desc = TinyProgram.descOf(trace.kind, at_.node);
            bytes32[] memory branch = TinyProgram.branch(rows, at_.node);
            vm.prank(who);
            game.revealTensor(gameId, trace.roots[at_.node], desc, branch);
        } else if (at_.phase == IDisputeGame.Phase.Leaf) {
            bytes memory leaf = abi.encode(trace.words[at_.node][at_.index]);
            vm.prank(who);
            game.revealLeaf(gameId, leaf);
        } else {
            bytes32[] memory descendants = _descendants(gameId, trace);
            vm.prank(who);
            game.revealNodes(gameId, descendants);
        }
    }

    function _descendants(uint256 gameId, TinyProgram.Trace memory trace)
        internal
        view
        returns (bytes32[] memory)
    {
        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        uint256 levels = _levels(at_.height);
        bytes32[] memory level = TinyProgram.levelAt(_bottom(at_, trace), at_.height - levels);
        return TinyProgram.slice(level, uint256(at_.index) << levels, 1 << levels);
    }

    /// @dev Descends as far as it must, towards a leaf of the tree that the game is in.
    function _select(address who, uint256 gameId, TinyProgram.Trace memory trace, uint256 target)
        internal
    {
        _select(who, gameId, trace, target, _levels(game.gameOf(gameId).height));
    }

    function _select(
        address who,
        uint256 gameId,
        TinyProgram.Trace memory trace,
        uint256 target,
        uint256 levels
    ) internal {
        (uint64 index, bytes32 hash, bytes32[] memory siblings) =
            _selection(gameId, trace, target, levels);
        vm.prank(who);
        game.select(gameId, uint8(levels), index, hash, siblings);
    }

    function _selection(
        uint256 gameId,
        TinyProgram.Trace memory trace,
        uint256 target,
        uint256 levels
    ) internal view returns (uint64 index, bytes32 hash, bytes32[] memory siblings) {
        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        bytes32[] memory level = TinyProgram.levelAt(_bottom(at_, trace), at_.height - levels);
        bytes32[] memory below = TinyProgram.slice(level, uint256(at_.index) << levels, 1 << levels);
        index = uint64((target >> (at_.height - levels)) & ((1 << levels) - 1));
        hash = below[index];
        siblings = TinyProgram.branch(below, index);
    }

    function _bottom(IDisputeGame.Game memory at_, TinyProgram.Trace memory trace)
        internal
        pure
        returns (bytes32[] memory)
    {
        return at_.phase == IDisputeGame.Phase.Trace ? trace.rows : trace.leaves[at_.node];
    }

    /// @dev Both sides move until everything about one leaf of one tensor is shown.
    function _playTo(
        address challenger,
        address revealer,
        uint256 gameId,
        TinyProgram.Trace memory trace,
        uint256 node,
        uint256 leaf
    ) internal {
        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        while (at_.phase != IDisputeGame.Phase.Step) {
            if (at_.asserterTurn) {
                _reveal(revealer, gameId, trace);
            } else {
                bool inTrace = at_.phase == IDisputeGame.Phase.Trace;
                _select(challenger, gameId, trace, inTrace ? node : leaf);
            }
            at_ = game.gameOf(gameId);
        }
    }

    function _levels(uint256 height) internal pure returns (uint256) {
        return height == 0 ? 0 : height % 4 == 0 ? 4 : height % 4;
    }

    // --- what should hold ---

    function _expectStatus(bytes32 assertionId, IDisputeGame.Status status) internal view {
        vm.assertEq(uint256(game.status(assertionId)), uint256(status), "status");
    }

    function _expectGame(uint256 gameId, IDisputeGame.GameStatus status) internal view {
        vm.assertEq(uint256(game.gameOf(gameId).status), uint256(status), "game status");
    }

    function _expectTurn(uint256 gameId, IDisputeGame.Phase phase, bool asserter, uint256 height)
        internal
        view
    {
        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        vm.assertEq(uint256(at_.phase), uint256(phase), "phase");
        vm.assertEq(at_.asserterTurn, asserter, "asserter's turn");
        vm.assertEq(uint256(at_.height), height, "height");
    }

    function _expectCredit(address account, uint256 amount) internal view {
        vm.assertEq(game.creditOf(account), amount, "credit");
    }

    /// @dev Every coin is somewhere, and the balance covers what is locked and what is burned.
    function _expectBalanced() internal view {
        IDisputeGame.Totals memory sums = game.totals();
        vm.assertEq(
            uint256(sums.deposited), uint256(sums.locked) + sums.withdrawn + sums.burned, "deposits"
        );
        vm.assertTrue(address(game).balance >= uint256(sums.locked) + sums.burned, "balance");
    }

    function _reverts(bytes4 selector, bytes32 name) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, name));
    }

    function _reverts(bytes4 selector, uint256 number) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, number));
    }

    function _revertsNotPending(bytes32 assertionId, IDisputeGame.Status status) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.Game_NotPending.selector, assertionId, status)
        );
    }
}

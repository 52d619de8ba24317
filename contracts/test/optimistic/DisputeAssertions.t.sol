// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Commitments} from "../../src/optimistic/Commitments.sol";
import {DisputeGame} from "../../src/optimistic/DisputeGame.sol";
import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {IFaultJudge} from "../../src/optimistic/IFaultJudge.sol";
import {IStepRouter} from "../../src/optimistic/IStepRouter.sol";
import {DisputeKit} from "./DisputeKit.sol";
import {TinyProgram} from "./TinyProgram.sol";

/// @notice Takes its coins only if told to, and tries to take them twice.
contract Taker {
    DisputeGame private immutable GAME;
    bool private _takes;
    uint256 public attempts;
    bytes public refusal;

    constructor(DisputeGame game) {
        GAME = game;
    }

    function take(bool takes) external {
        _takes = takes;
        GAME.withdraw();
    }

    function open(bytes32 assertionId) external payable returns (uint256) {
        return GAME.openGame{value: msg.value}(assertionId);
    }

    receive() external payable {
        require(_takes, "not now");
        ++attempts;
        try GAME.withdraw() {
            ++attempts;
        } catch (bytes memory why) {
            refusal = why;
        }
    }
}

contract DisputeGame_assertions_Test is DisputeKit {
    TinyProgram.Kind private constant KIND = TinyProgram.Kind.Chain;

    // --- commit ---

    function test_commit_storesBlock_succeeds() external {
        vm.expectEmit(address(game));
        emit IDisputeGame.Committed(ALICE, SALT);
        vm.prank(ALICE);
        game.commit(SALT);
        vm.assertEq(game.committedAt(ALICE, SALT), block.number, "block");
        vm.assertEq(game.committedAt(MALLORY, SALT), 0, "another's");
    }

    function test_commit_OP17_again_reverts() external {
        vm.prank(ALICE);
        game.commit(SALT);
        vm.roll(block.number + 1);
        _reverts(IDisputeGame.Game_AlreadyCommitted.selector, SALT);
        vm.prank(ALICE);
        game.commit(SALT);
    }

    function test_commit_OP17_copiedDigestChangesNothing_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        bytes32 root = TinyProgram.traceRoot(trace);
        bytes32 digest =
            _digest(ALICE, IDisputeGame.CommitKind.Result, TinyProgram.digestOf(said), root);
        vm.prank(MALLORY); // from the mempool, and first
        game.commit(digest);
        _assert(ALICE, trace);
        vm.prank(MALLORY);
        _reverts(
            IDisputeGame.Game_NoCommit.selector,
            _digest(MALLORY, IDisputeGame.CommitKind.Result, TinyProgram.digestOf(said), root)
        );
        game.assertResult{value: BOND_A}(said, root, TinyProgram.outputs(trace), "", SALT);
    }

    function test_commitDigest_isRow07_succeeds(address who, bytes32 subject, bytes32 payload)
        external
        view
    {
        for (uint256 kind = 0; kind < 3; ++kind) {
            IDisputeGame.CommitKind purpose = IDisputeGame.CommitKind(kind);
            vm.assertEq(
                game.commitDigest(purpose, who, subject, payload, SALT),
                _digest(who, purpose, subject, payload),
                "digest"
            );
        }
    }

    // --- assertResult ---

    function test_assertResult_stores_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        bytes32 root = TinyProgram.traceRoot(trace);
        bytes32 digest = TinyProgram.digestOf(said);
        bytes32 id = _idOf(ALICE, 0, digest, root);
        _commit(ALICE, IDisputeGame.CommitKind.Result, digest, root);
        vm.roll(block.number + AGE);
        vm.expectEmit(address(game));
        emit IDisputeGame.Asserted(
            id, digest, ALICE, said, root, TinyProgram.outputs(trace), START, "ipfs://trace"
        );
        vm.prank(ALICE);
        bytes32 given = game.assertResult{value: BOND_A}(
            said, root, TinyProgram.outputs(trace), "ipfs://trace", SALT
        );
        vm.assertEq(given, id, "assertionId");
        IDisputeGame.Assertion memory stored = game.assertionOf(id);
        vm.assertEq(stored.asserter, ALICE, "asserter");
        vm.assertEq(uint256(stored.assertedAt), START, "assertedAt");
        vm.assertEq(uint256(stored.openGames), 0, "openGames");
        vm.assertEq(stored.programRoot, said.programRoot, "programRoot");
        vm.assertEq(stored.inputRoot, said.inputRoot, "inputRoot");
        vm.assertEq(stored.traceRoot, root, "traceRoot");
        vm.assertEq(stored.statementDigest, digest, "statementDigest");
        _expectStatus(id, IDisputeGame.Status.Pending);
    }

    function test_assertResult_sameAgain_isAnotherAssertion_succeeds() external {
        bytes32 first = _assert(ALICE, _honest());
        bytes32 second = _assert(ALICE, _honest());
        bytes32 third = _assert(MALLORY, _honest());
        vm.assertTrue(first != second && second != third && first != third, "one name");
    }

    function test_assertResult_severalOutputs_succeeds() external {
        game.admitProgram(TinyProgram.header(TinyProgram.Kind.Double));
        TinyProgram.Trace memory trace = TinyProgram.honest(TinyProgram.Kind.Double);
        _expectStatus(_assert(ALICE, trace), IDisputeGame.Status.Pending);
    }

    function test_assertResult_OP1_anotherOutput_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        IDisputeGame.Opening[] memory outputs = TinyProgram.outputs(trace);
        said.outputRoot = outputs[0].root = trace.roots[3]; // a tensor of the trace, not the output
        outputs[0].branch = TinyProgram.branch(trace.rows, 3);
        bytes32 root = _ready(trace, said);
        _reverts(IDisputeGame.Game_OutputNotBound.selector, uint256(0));
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, "", SALT);
    }

    function test_assertResult_OP1_secondOutput_reverts() external {
        game.admitProgram(TinyProgram.header(TinyProgram.Kind.Double));
        TinyProgram.Trace memory trace = TinyProgram.honest(TinyProgram.Kind.Double);
        trace.words[2][0] = ~trace.words[2][0];
        bytes32 real = trace.rows[2];
        TinyProgram.seal(trace);
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        trace.rows[2] = real;
        bytes32 root = _ready(trace, said);
        IDisputeGame.Opening[] memory outputs = TinyProgram.outputs(trace);
        _reverts(IDisputeGame.Game_OutputNotBound.selector, uint256(1));
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, "", SALT);
    }

    function test_assertResult_OP2_rootsDoNotMakeTheOutputRoot_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        said.outputRoot = ~said.outputRoot;
        bytes32 root = _ready(trace, said);
        IDisputeGame.Opening[] memory outputs = TinyProgram.outputs(trace);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.Game_DataMismatch.selector));
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, "", SALT);
    }

    function test_assertResult_OP2_numberOfOutputs_reverts() external {
        game.admitProgram(TinyProgram.header(TinyProgram.Kind.Double));
        TinyProgram.Trace memory trace = TinyProgram.honest(TinyProgram.Kind.Double);
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        IDisputeGame.Opening[] memory both = TinyProgram.outputs(trace);
        IDisputeGame.Opening[] memory first = new IDisputeGame.Opening[](1);
        first[0] = both[0];
        said.outputRoot = first[0].root;
        bytes32 root = _ready(trace, said);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.Game_DataMismatch.selector));
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, first, "", SALT);
        _assert(ALICE, trace);
    }

    function test_assertResult_OP5_branchLength_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        bytes32 root = _ready(trace, said);
        IDisputeGame.Opening[] memory outputs = TinyProgram.outputs(trace);
        outputs[0].branch = new bytes32[](4);
        vm.expectRevert(abi.encodeWithSelector(Commitments.Commitments_BranchLength.selector, 4, 3));
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, "", SALT);
    }

    function test_assertResult_OP16_otherValue_reverts(uint96 value) external {
        vm.assume(value != BOND_A);
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        bytes32 root = TinyProgram.traceRoot(trace);
        IDisputeGame.Opening[] memory outputs = TinyProgram.outputs(trace);
        cheats.deal(ALICE, type(uint96).max);
        _revertsBond(value, BOND_A);
        vm.prank(ALICE);
        game.assertResult{value: value}(said, root, outputs, "", SALT);
    }

    function test_openGame_OP16_otherValue_reverts(uint96 value) external {
        vm.assume(value != BOND_C);
        cheats.deal(CAROL, type(uint96).max);
        _revertsBond(value, BOND_C);
        vm.prank(CAROL);
        game.openGame{value: value}(SALT);
    }

    function test_assertResult_OP17_withoutCommit_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        bytes32 root = _ready(trace, said); // Alice's
        IDisputeGame.Opening[] memory outputs = TinyProgram.outputs(trace);
        bytes32 digest = TinyProgram.digestOf(said);

        _reverts(
            IDisputeGame.Game_NoCommit.selector,
            _digest(MALLORY, IDisputeGame.CommitKind.Result, digest, root)
        );
        vm.prank(MALLORY);
        game.assertResult{value: BOND_A}(said, root, outputs, "", SALT);

        bytes32 otherSalt =
            game.commitDigest(IDisputeGame.CommitKind.Result, ALICE, digest, root, ~SALT);
        _reverts(IDisputeGame.Game_NoCommit.selector, otherSalt);
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, "", ~SALT);

        said.context = SALT;
        digest = TinyProgram.digestOf(said);
        _reverts(
            IDisputeGame.Game_NoCommit.selector,
            _digest(ALICE, IDisputeGame.CommitKind.Result, digest, root)
        );
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, "", SALT);

        said.context = 0;
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, "", SALT);
    }

    function test_assertResult_OP17_usedCommit_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        _assert(ALICE, trace);
        bytes32 root = TinyProgram.traceRoot(trace);
        IDisputeGame.Opening[] memory outputs = TinyProgram.outputs(trace);
        _reverts(
            IDisputeGame.Game_NoCommit.selector,
            _digest(ALICE, IDisputeGame.CommitKind.Result, TinyProgram.digestOf(said), root)
        );
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, "", SALT);
    }

    function test_assertResult_OP17_tooYoung_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        bytes32 root = TinyProgram.traceRoot(trace);
        IDisputeGame.Opening[] memory outputs = TinyProgram.outputs(trace);
        uint256 made = 2000;
        vm.roll(made);
        bytes32 digest =
            _commit(ALICE, IDisputeGame.CommitKind.Result, TinyProgram.digestOf(said), root);
        for (uint256 age = 0; age < AGE; ++age) {
            vm.roll(made + age);
            vm.expectRevert(
                abi.encodeWithSelector(
                    IDisputeGame.Game_CommitTooYoung.selector, digest, made + AGE
                )
            );
            vm.prank(ALICE);
            game.assertResult{value: BOND_A}(said, root, outputs, "", SALT);
        }
        vm.roll(made + AGE);
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, "", SALT);
    }

    function test_assertResult_OP17_onAnotherChainOrContract_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        bytes32 root = _ready(trace, said);
        bytes32 digest = TinyProgram.digestOf(said);
        DisputeGame other = maker.make(judge, router, _params());
        bytes32 there =
            other.commitDigest(IDisputeGame.CommitKind.Result, ALICE, digest, root, SALT);
        bytes32 here = _digest(ALICE, IDisputeGame.CommitKind.Result, digest, root);
        vm.assertTrue(here != there, "one digest for two contracts");
        cheats.chainId(4242);
        bytes32 elsewhere =
            game.commitDigest(IDisputeGame.CommitKind.Result, ALICE, digest, root, SALT);
        vm.assertTrue(here != elsewhere, "one digest for two chains");
    }

    function test_assertResult_unknownProgram_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        said.programRoot = SALT;
        bytes32 root = _ready(trace, said);
        IDisputeGame.Opening[] memory outputs = TinyProgram.outputs(trace);
        _reverts(IDisputeGame.Game_UnknownProgram.selector, SALT);
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, "", SALT);
    }

    function test_assertResult_longURI_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        bytes32 root = _ready(trace, said);
        IDisputeGame.Opening[] memory outputs = TinyProgram.outputs(trace);
        _reverts(IDisputeGame.Game_URITooLong.selector, uint256(1025));
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, string(new bytes(1025)), SALT);
        vm.prank(ALICE);
        game.assertResult{value: BOND_A}(said, root, outputs, string(new bytes(1024)), SALT);
    }

    // --- proveFault ---

    function test_proveFault_rejects_succeeds() external {
        bytes32 id = _assert(MALLORY, _wrong());
        bytes memory proof = _wrongProof();
        _ready(CAROL, id, proof);
        vm.expectEmit(address(game));
        emit IDisputeGame.FaultProven(id, CAROL, IDisputeGame.FaultKind.Element, 2, 37);
        vm.expectEmit(address(game));
        emit IDisputeGame.Rejected(id, CAROL);
        vm.prank(CAROL);
        game.proveFault(id, IDisputeGame.FaultKind.Element, proof, SALT);
        _expectStatus(id, IDisputeGame.Status.Rejected);
        _expectCredit(CAROL, BOND_A / 2);
        _expectBalanced();
    }

    function test_proveFault_OP17_copied_reverts() external {
        bytes32 id = _assert(MALLORY, _wrong());
        bytes memory proof = _wrongProof();
        _ready(CAROL, id, proof);
        uint256 gameId = _open(DAVE, id);
        bytes32 payload = keccak256(proof);
        bytes32 missing = _digest(DAVE, IDisputeGame.CommitKind.Element, id, payload);
        _reverts(IDisputeGame.Game_NoCommit.selector, missing);
        vm.prank(DAVE);
        game.proveFault(id, IDisputeGame.FaultKind.Element, proof, SALT);
        _reverts(IDisputeGame.Game_NoCommit.selector, missing); // nor through a game of its own
        vm.prank(DAVE);
        game.proveStep(gameId, IDisputeGame.FaultKind.Element, proof, SALT);
        _commit(DAVE, IDisputeGame.CommitKind.Element, id, payload);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeGame.Game_CommitTooYoung.selector, missing, block.number + AGE
            )
        );
        vm.prank(DAVE);
        game.proveFault(id, IDisputeGame.FaultKind.Element, proof, SALT);
        vm.prank(CAROL);
        game.proveFault(id, IDisputeGame.FaultKind.Element, proof, SALT);
        _expectCredit(CAROL, BOND_A / 2);
    }

    function test_proveFault_OP17_commitOfAnotherAssertionOrKind_reverts() external {
        TinyProgram.Trace memory trace = _wrong();
        bytes32 first = _assert(MALLORY, trace);
        bytes32 second = _assert(MALLORY, trace);
        bytes memory proof = _wrongProof();
        _ready(CAROL, first, proof);
        _reverts(
            IDisputeGame.Game_NoCommit.selector,
            _digest(CAROL, IDisputeGame.CommitKind.Element, second, keccak256(proof))
        );
        vm.prank(CAROL);
        game.proveFault(second, IDisputeGame.FaultKind.Element, proof, SALT);
        _reverts(
            IDisputeGame.Game_NoCommit.selector,
            _digest(CAROL, IDisputeGame.CommitKind.Padding, first, keccak256(proof))
        );
        vm.prank(CAROL);
        game.proveFault(first, IDisputeGame.FaultKind.Padding, proof, SALT);
        vm.prank(CAROL);
        game.proveFault(first, IDisputeGame.FaultKind.Element, proof, SALT);
    }

    function test_proveFault_OP13_windowClosed_reverts() external {
        bytes32 id = _assert(MALLORY, _wrong());
        bytes memory proof = _wrongProof();
        _ready(CAROL, id, proof);
        cheats.warp(START + WINDOW);
        _reverts(IDisputeGame.Game_WindowClosed.selector, id);
        vm.prank(CAROL);
        game.proveFault(id, IDisputeGame.FaultKind.Element, proof, SALT);
        cheats.warp(START + WINDOW - 1);
        vm.prank(CAROL);
        game.proveFault(id, IDisputeGame.FaultKind.Element, proof, SALT);
    }

    function test_proveFault_OP13_notPending_reverts() external {
        _revertsNotPending(SALT, IDisputeGame.Status.None);
        game.proveFault(SALT, IDisputeGame.FaultKind.Element, "", SALT);
        bytes32 id = _assert(ALICE, _honest());
        cheats.warp(START + WINDOW);
        game.finalize(id);
        _revertsNotPending(id, IDisputeGame.Status.Finalized);
        game.proveFault(id, IDisputeGame.FaultKind.Element, "", SALT);
    }

    function test_proveFault_selfChallenge_losesHalf_succeeds() external {
        uint256 before = MALLORY.balance;
        bytes32 id = _assert(MALLORY, _wrong());
        _proveElement(MALLORY, id, _wrongProof());
        vm.prank(MALLORY);
        game.withdraw();
        vm.assertEq(before - MALLORY.balance, BOND_A / 2, "loss");
    }

    // --- finalize ---

    function test_finalize_OP14_inTheWindow_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        cheats.warp(START + WINDOW - 1);
        _reverts(IDisputeGame.Game_NotFinal.selector, id);
        game.finalize(id);
        cheats.warp(START + WINDOW);
        bytes32 digest = TinyProgram.digestOf(TinyProgram.statement(trace));
        vm.assertEq(game.finalisedStatement(digest), bytes32(0), "before");
        vm.expectEmit(address(game));
        emit IDisputeGame.Finalized(id, digest);
        vm.prank(DAVE);
        game.finalize(id);
        vm.assertEq(game.finalisedStatement(digest), id, "after");
        _expectCredit(ALICE, BOND_A);
        _expectBalanced();
    }

    function test_finalize_OP14_openGame_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        uint256 first = _open(CAROL, id);
        _reveal(ALICE, first, trace);
        uint256 second = _open(DAVE, id);
        _select(DAVE, second, trace, 3);
        cheats.warp(START + WINDOW);
        _reverts(IDisputeGame.Game_NotFinal.selector, id);
        game.finalize(id);
        game.claimTimeout(first);
        _reverts(IDisputeGame.Game_NotFinal.selector, id);
        game.finalize(id);
    }

    function test_finalize_OP15_twice_reverts() external {
        bytes32 id = _assert(ALICE, _honest());
        cheats.warp(START + WINDOW);
        game.finalize(id);
        _revertsNotPending(id, IDisputeGame.Status.Finalized);
        game.finalize(id);
        _expectCredit(ALICE, BOND_A);
        _revertsNotPending(SALT, IDisputeGame.Status.None);
        game.finalize(SALT);
    }

    function test_finalize_parallelAssertions_firstCounts_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 first = _assert(ALICE, trace);
        cheats.warp(START + 1);
        bytes32 second = _assert(DAVE, trace);
        cheats.warp(START + 1 + WINDOW);
        game.finalize(second);
        game.finalize(first);
        bytes32 digest = TinyProgram.digestOf(TinyProgram.statement(trace));
        vm.assertEq(game.finalisedStatement(digest), second, "first final one");
        _expectCredit(ALICE, BOND_A);
        _expectCredit(DAVE, BOND_A);
    }

    function test_finalize_wrongOnesAroundDoNotDelay_succeeds() external {
        bytes32 id = _assert(ALICE, _honest());
        for (uint256 i = 0; i < 3; ++i) {
            _open(CAROL, _assert(MALLORY, TinyProgram.run(KIND, i, 5, 1, true)));
        }
        cheats.warp(START + WINDOW);
        game.finalize(id);
        _expectStatus(id, IDisputeGame.Status.Finalized);
    }

    // --- withdraw ---

    function test_withdraw_paysTheCreditOnce_succeeds() external {
        uint256 before = ALICE.balance;
        bytes32 id = _assert(ALICE, _honest());
        cheats.warp(START + WINDOW);
        game.finalize(id);
        vm.expectEmit(address(game));
        emit IDisputeGame.Withdrawn(ALICE, BOND_A);
        vm.prank(ALICE);
        game.withdraw();
        vm.assertEq(ALICE.balance, before, "balance");
        _reverts(IDisputeGame.Game_NothingToWithdraw.selector, uint256(uint160(ALICE)));
        vm.prank(ALICE);
        game.withdraw();
        IDisputeGame.Totals memory sums = game.totals();
        vm.assertEq(uint256(sums.withdrawn), BOND_A, "withdrawn");
        vm.assertEq(uint256(sums.locked), 0, "locked");
        vm.assertEq(address(game).balance, 0, "balance of the game");
        _expectBalanced();
    }

    function test_withdraw_OP18_reentered_succeeds() external {
        Taker taker = _creditedTaker();
        taker.take(true);
        vm.assertEq(address(taker).balance, BOND_C + BOND_A / 2, "taken");
        vm.assertEq(taker.attempts(), 1, "attempts that succeeded");
        vm.assertEq(
            taker.refusal(),
            abi.encodeWithSelector(IDisputeGame.Game_NothingToWithdraw.selector, address(taker)),
            "refusal"
        );
        _expectBalanced();
    }

    function test_withdraw_OP18_receiverReverts_reverts() external {
        Taker taker = _creditedTaker();
        _reverts(IDisputeGame.Game_TransferFailed.selector, uint256(uint160(address(taker))));
        taker.take(false);
        _expectCredit(address(taker), BOND_C + BOND_A / 2);
        _expectBalanced();
        taker.take(true);
        _expectCredit(address(taker), 0);
    }

    function test_withdraw_forcedCoins_stayOutside_succeeds() external {
        cheats.deal(address(game), 3 ether); // as a block reward or a dying contract does
        bytes32 id = _assert(ALICE, _honest());
        cheats.warp(START + WINDOW);
        game.finalize(id);
        vm.prank(ALICE);
        game.withdraw();
        vm.assertEq(uint256(game.totals().deposited), BOND_A, "deposited");
        vm.assertEq(address(game).balance, 3 ether, "balance");
        (bool taken,) = address(game).call{value: 1}("");
        vm.assertTrue(!taken, "took coins without a bond");
        _expectBalanced();
    }

    function _creditedTaker() private returns (Taker taker) {
        taker = new Taker(game);
        uint256 gameId = taker.open{value: BOND_C}(_assert(MALLORY, _wrong()));
        cheats.warp(START + CLOCK);
        game.claimTimeout(gameId);
    }

    function _ready(TinyProgram.Trace memory trace, IDisputeGame.Statement memory said)
        private
        returns (bytes32 root)
    {
        root = TinyProgram.traceRoot(trace);
        _commit(ALICE, IDisputeGame.CommitKind.Result, TinyProgram.digestOf(said), root);
        vm.roll(block.number + AGE);
    }

    /// @dev The name of an assertion, written another way than the contract writes it.
    function _idOf(address who, uint64 nonce, bytes32 digest, bytes32 root)
        private
        view
        returns (bytes32)
    {
        bytes memory place = bytes.concat(hex"06", bytes32(block.chainid), bytes20(address(game)));
        return keccak256(bytes.concat(place, bytes8(nonce), bytes20(who), digest, root));
    }

    function _revertsBond(uint256 sent, uint256 bond) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.Game_WrongBond.selector, sent, bond));
    }
}

contract DisputeGame_admission_Test is DisputeKit {
    TinyProgram.Kind private constant LONE = TinyProgram.Kind.Lone;

    // --- constructor ---

    function test_constructor_params_succeeds() external view {
        vm.assertEq(
            keccak256(abi.encode(game.params())), keccak256(abi.encode(_params())), "params"
        );
        (address first, address second) = game.verifiers();
        vm.assertEq(first, address(judge), "judge");
        vm.assertEq(second, address(router), "router");
        vm.assertEq(game.version(), "1.0.0", "version");
        vm.assertTrue(address(game).code.length <= 24_576, "code");
    }

    function test_constructor_OP19_clocks_reverts() external {
        for (uint256 i = 0; i < 4; ++i) {
            IDisputeGame.Params memory rules = _params();
            if (i == 0) rules.window = 0;
            else if (i == 1) rules.grace = 0;
            else if (i == 2) rules.clockA = GRACE - 1;
            else rules.clockC = GRACE - 1;
            _refused(rules, IDisputeGame.ParamsRule.Clocks);
        }
        IDisputeGame.Params memory least = _params();
        (least.clockA, least.clockC) = (GRACE, GRACE);
        maker.make(judge, router, least);
    }

    function test_constructor_OP19_duration_reverts() external {
        IDisputeGame.Params memory rules = _params();
        rules.window = 7 days - 2 * CLOCK - 20 * GRACE;
        _refused(rules, IDisputeGame.ParamsRule.Duration);
        --rules.window;
        maker.make(judge, router, rules);
        rules.maxMoves = 21;
        _refused(rules, IDisputeGame.ParamsRule.Duration);
    }

    function test_constructor_OP19_moves_reverts() external {
        IDisputeGame.Params memory rules = _params();
        rules.maxMoves = 2;
        _refused(rules, IDisputeGame.ParamsRule.Moves);
        rules.maxMoves = 3;
        maker.make(judge, router, rules);
    }

    function test_constructor_OP19_commitAge_reverts() external {
        IDisputeGame.Params memory rules = _params();
        rules.minCommitAge = 0;
        _refused(rules, IDisputeGame.ParamsRule.CommitAge);
        rules.minCommitAge = 65;
        _refused(rules, IDisputeGame.ParamsRule.CommitAge);
        rules.minCommitAge = 64;
        maker.make(judge, router, rules);
    }

    function test_constructor_OP19_shares_reverts() external {
        IDisputeGame.Params memory rules = _params();
        rules.rewardBps = 5001;
        _refused(rules, IDisputeGame.ParamsRule.Shares);
        rules.rewardBps = 5000;
        rules.refundBps = 7501;
        _refused(rules, IDisputeGame.ParamsRule.Shares);
    }

    function test_constructor_OP19_bonds_reverts() external {
        IDisputeGame.Params memory rules = _params();
        --rules.bondA;
        _refused(rules, IDisputeGame.ParamsRule.BondA);
        ++rules.bondA;
        rules.gasPriceCap = 0;
        _refused(rules, IDisputeGame.ParamsRule.BondA);
        rules.gasPriceCap = uint96(CAP);
        // Ten reveals, one of them of the longest descriptor, at the cap, by the share of refunds.
        uint256 gas_ = 10 * game.REVEAL_GAS() + game.DESCRIPTOR_GAS() * game.MAX_DESCRIPTOR_BYTES();
        rules.bondC = uint96((gas_ * CAP * 4 + 2) / 3 - 1);
        _refused(rules, IDisputeGame.ParamsRule.BondC);
        ++rules.bondC;
        maker.make(judge, router, rules);
        rules.maxMoves = 21; // eleven reveals
        _refused(rules, IDisputeGame.ParamsRule.BondC);
    }

    function test_constructor_OP20_noCode_reverts() external {
        _reverts(IDisputeGame.Game_WrongVerifier.selector, uint256(uint160(DAVE)));
        maker.make(judge, IStepRouter(DAVE), _params());
        _reverts(IDisputeGame.Game_WrongVerifier.selector, uint256(uint160(DAVE)));
        maker.make(IFaultJudge(DAVE), router, _params());
    }

    // --- the key ---

    function test_gameKeyOf_OP20_isRow08_succeeds(bytes32 program) external view {
        vm.assertEq(game.gameKeyOf(program), _keyOf(program), "gameKey");
    }

    function test_gameKeyOf_OP20_changesWithCodeAndRules_succeeds() external {
        bytes32 key = game.gameKeyOf(SALT);
        IDisputeGame.Params memory rules = _params();
        ++rules.bondA;
        vm.assertTrue(maker.make(judge, router, rules).gameKeyOf(SALT) != key, "rules");

        cheats.etch(DAVE, bytes.concat(address(router).code, hex"00"));
        DisputeGame other = maker.make(judge, IStepRouter(DAVE), _params());
        vm.assertTrue(other.gameKeyOf(SALT) != key, "router");

        cheats.etch(DAVE, bytes.concat(address(judge).code, hex"00"));
        other = maker.make(IFaultJudge(DAVE), router, _params());
        vm.assertTrue(other.gameKeyOf(SALT) != key, "judge");
    }

    // --- admitProgram ---

    function test_admitProgram_stores_succeeds() external {
        IDisputeGame.Header memory head = TinyProgram.header(TinyProgram.Kind.Double);
        bytes32 root = TinyProgram.rootOfHeader(head);
        vm.assertEq(uint256(game.programOf(root).nodeCount), 0, "before");
        vm.expectEmit(address(game));
        emit IDisputeGame.ProgramAdmitted(root, head);
        vm.assertEq(game.admitProgram(head), root, "programRoot");
        IDisputeGame.ProgramFacts memory facts = game.programOf(root);
        vm.assertEq(facts.graphRoot, head.graphRoot, "graphRoot");
        vm.assertEq(facts.weightsRoot, head.weightsRoot, "weightsRoot");
        vm.assertEq(facts.tablesRoot, head.tablesRoot, "tablesRoot");
        vm.assertEq(uint256(facts.nodeCount), 5, "nodeCount");
        vm.assertEq(uint256(facts.inputCount), 2, "inputCount");
        vm.assertEq(uint256(facts.leafLog2), 5, "leafLog2");
        vm.assertEq(uint256(facts.maxHeight), 5, "maxHeight");
        vm.assertEq(facts.outputIds.length, 2, "outputs");
        vm.assertEq(uint256(facts.outputIds[0]), 4, "first output");
        vm.assertEq(uint256(facts.outputIds[1]), 2, "second output");
    }

    function test_admitProgram_OP2_rootIsOfTheHeader_succeeds(uint256 word, uint8 bit) external {
        IDisputeGame.Header memory head = TinyProgram.header(LONE);
        bytes32 flip = bytes32(uint256(1) << bit);
        if (word % 3 == 0) head.graphRoot ^= flip;
        else if (word % 3 == 1) head.weightsRoot ^= flip;
        else head.tablesRoot ^= flip;
        bytes32 root = game.admitProgram(head);
        vm.assertEq(root, TinyProgram.rootOfHeader(head), "root");
        vm.assertTrue(root != TinyProgram.programRoot(LONE), "one root for two programs");
    }

    function test_admitProgram_twice_reverts() external {
        bytes32 root = TinyProgram.programRoot(TinyProgram.Kind.Chain);
        IDisputeGame.Header memory head = TinyProgram.header(TinyProgram.Kind.Chain);
        _reverts(IDisputeGame.Game_AlreadyAdmitted.selector, root);
        game.admitProgram(head);
    }

    function test_admitProgram_rules_reverts() external {
        IDisputeGame.Header memory head = TinyProgram.header(LONE);
        head.specVersion = 2;
        _notAdmitted(head, IDisputeGame.ProgramRule.SpecVersion);
        head.specVersion = 1;
        for (uint8 size = 0; size < 12; ++size) {
            if (size == 5 || size == 8 || size == 10) continue;
            head.leafLog2 = size;
            _notAdmitted(head, IDisputeGame.ProgramRule.LeafSize);
        }
        head.leafLog2 = 5;
        IDisputeGame.Schema memory schema = abi.decode(head.schema, (IDisputeGame.Schema));
        schema.nodeCount = 0;
        _notAdmitted(_with(head, schema), IDisputeGame.ProgramRule.NoNodes);
        schema.nodeCount = 1;
        schema.outputIds = new uint32[](2);
        _notAdmitted(_with(head, schema), IDisputeGame.ProgramRule.Outputs);
        schema.outputIds = new uint32[](1);
        schema.outputIds[0] = 1;
        _notAdmitted(_with(head, schema), IDisputeGame.ProgramRule.Outputs);
        schema.outputIds = new uint32[](0);
        schema.outputs = new IDisputeGame.TensorSpec[](0);
        _notAdmitted(_with(head, schema), IDisputeGame.ProgramRule.Outputs);
        head = TinyProgram.header(LONE);
        game.admitProgram(head);
    }

    function test_admitProgram_OP19_tooDeep_reverts() external {
        // 20 moves: eight reveals down, and a selection after each; a tensor, a leaf, a proof.
        IDisputeGame.Header memory head = TinyProgram.header(TinyProgram.Kind.Chain);
        IDisputeGame.Schema memory schema = abi.decode(head.schema, (IDisputeGame.Schema));
        schema.nodeCount = 155;
        schema.maxHeight = 25;
        _notAdmitted(_with(head, schema), IDisputeGame.ProgramRule.TooDeep);
        schema.maxHeight = 24;
        game.admitProgram(_with(head, schema));
        schema.nodeCount = 257;
        _notAdmitted(_with(head, schema), IDisputeGame.ProgramRule.TooDeep);
    }

    function _with(IDisputeGame.Header memory head, IDisputeGame.Schema memory schema)
        private
        pure
        returns (IDisputeGame.Header memory)
    {
        head.schema = abi.encode(schema);
        return head;
    }

    function _notAdmitted(IDisputeGame.Header memory head, IDisputeGame.ProgramRule rule) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.Game_BadProgram.selector, rule));
        game.admitProgram(head);
    }

    function _refused(IDisputeGame.Params memory rules, IDisputeGame.ParamsRule rule) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.Game_BadParams.selector, rule));
        maker.make(judge, router, rules);
    }

    /// @dev The key, written another way than the contract writes it.
    function _keyOf(bytes32 program) private view returns (bytes32) {
        bytes memory code = bytes.concat(
            keccak256(address(judge).code),
            keccak256(address(router).code),
            router.familyCodeHashes()
        );
        bytes32 rules = keccak256(abi.encode(_params()));
        return keccak256(bytes.concat(hex"08", program, code, rules));
    }
}

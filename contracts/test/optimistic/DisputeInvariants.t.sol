// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {TestBase} from "../utils/TestBase.sol";
import {DisputeActors} from "./DisputeActors.sol";
import {Cheats} from "./DisputeKit.sol";

/// @notice Whatever anybody does, honest people who look in time lose nothing.
/// @dev One invariant function, because forge plays a campaign for each.
/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: default.invariant.runs = 4
/// forge-config: thorough.invariant.fail-on-revert = true
/// forge-config: thorough.invariant.runs = 8
contract DisputeGame_Invariants_Test is TestBase {
    /// @notice As forge defines it.
    struct FuzzSelector {
        address target;
        bytes4[] selectors;
    }

    Cheats private constant cheats =
        Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    DisputeActors private _actors;
    IDisputeGame private _game;

    function setUp() external {
        // All contracts at once are more than a transaction may make.
        cheats.pauseGasMetering();
        _actors = DisputeActors(cheats.deployCode("DisputeActors.sol:DisputeActors"));
        cheats.resumeGasMetering();
        _game = _actors.theGame();
        _target(address(_actors));
    }

    /// @notice forge asks which functions to call: all that anybody does.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory all = new bytes4[](12);
        all[0] = DisputeActors.pass.selector;
        all[1] = DisputeActors.passLong.selector;
        all[2] = DisputeActors.assertSomething.selector;
        all[3] = DisputeActors.openSomething.selector;
        all[4] = DisputeActors.revealSomething.selector;
        all[5] = DisputeActors.revealJunk.selector;
        all[6] = DisputeActors.selectSomething.selector;
        all[7] = DisputeActors.selectForAnother.selector;
        all[8] = DisputeActors.proveSomething.selector;
        all[9] = DisputeActors.endSomething.selector;
        all[10] = DisputeActors.withdrawSomething.selector;
        all[11] = DisputeActors.force.selector;
        targets[0] = FuzzSelector(address(_actors), all);
    }

    function invariant_rules() external view {
        _honestNeverLose();
        _wrongNeverFinal();
        _everyCoinIsSomewhere();
        _openGamesAreCounted();
        _whatIsDecidedStays();
        _allIsDecidedInTime();
    }

    function _honestNeverLose() private view {
        for (uint256 i = 0; i < _actors.count(); ++i) {
            (bytes32 id, address asserter, bool right, uint256[] memory games) = _actors.knownOf(i);
            if (right && asserter == _actors.honestAsserter()) {
                vm.assertTrue(
                    _game.status(id) != IDisputeGame.Status.Rejected, "a right one was rejected"
                );
            }
            for (uint256 g = 0; g < games.length; ++g) {
                if (!_actors.isWatchers(games[g])) continue;
                vm.assertTrue(
                    _game.gameOf(games[g]).status != IDisputeGame.GameStatus.Lost,
                    "the watcher lost its bond"
                );
            }
        }
    }

    function _wrongNeverFinal() private view {
        for (uint256 i = 0; i < _actors.count(); ++i) {
            (bytes32 id,, bool right,) = _actors.knownOf(i);
            if (right) continue;
            vm.assertTrue(_game.status(id) != IDisputeGame.Status.Finalized, "a wrong one is final");
        }
    }

    function _everyCoinIsSomewhere() private view {
        IDisputeGame.Totals memory sums = _game.totals();
        vm.assertEq(uint256(sums.deposited), _actors.paidIn(), "deposited");
        vm.assertEq(uint256(sums.withdrawn), _actors.paidOut(), "withdrawn");
        vm.assertEq(
            uint256(sums.deposited), uint256(sums.locked) + sums.withdrawn + sums.burned, "deposits"
        );
        vm.assertTrue(address(_game).balance >= uint256(sums.locked) + sums.burned, "balance");
        vm.assertEq(uint256(sums.locked), _actors.credits() + _bonds(), "locked");
    }

    function _openGamesAreCounted() private view {
        for (uint256 i = 0; i < _actors.count(); ++i) {
            (bytes32 id,,, uint256[] memory games) = _actors.knownOf(i);
            uint256 open = 0;
            for (uint256 g = 0; g < games.length; ++g) {
                if (_game.gameOf(games[g]).status == IDisputeGame.GameStatus.Open) ++open;
            }
            vm.assertEq(uint256(_game.assertionOf(id).openGames), open, "openGames");
        }
    }

    function _whatIsDecidedStays() private view {
        vm.assertEq(_actors.changes(), 0, "terminal states that changed");
    }

    function _allIsDecidedInTime() private view {
        for (uint256 i = 0; i < _actors.count(); ++i) {
            (bytes32 id,,,) = _actors.knownOf(i);
            if (_game.status(id) != IDisputeGame.Status.Pending) continue;
            // The honest ones close at their next look, less than the grace later.
            uint256 latest = _game.assertionOf(id).assertedAt + _actors.bound() + 2 hours;
            vm.assertTrue(block.timestamp <= latest, "undecided after the bound");
        }
    }

    /// @notice forge calls this at the end of each run: all comes to an end, and every coin out.
    function afterInvariant() external {
        _actors.settleAll();
        IDisputeGame.Totals memory sums = _game.totals();
        vm.assertEq(uint256(sums.locked), 0, "locked in the end");
        for (uint256 i = 0; i < _actors.count(); ++i) {
            (bytes32 id, address asserter, bool right,) = _actors.knownOf(i);
            IDisputeGame.Status state = _game.status(id);
            if (!right) {
                vm.assertTrue(state == IDisputeGame.Status.Rejected, "a lie stands");
            } else if (asserter == _actors.honestAsserter()) {
                vm.assertTrue(state == IDisputeGame.Status.Finalized, "the truth does not stand");
            }
        }
        vm.assertTrue(_actors.count() >= 1, "nothing was asserted");
        vm.assertTrue(_actors.refusals() >= 1, "nothing was refused");
    }

    function _bonds() private view returns (uint256 sum) {
        IDisputeGame.Params memory rules = _game.params();
        for (uint256 i = 0; i < _actors.count(); ++i) {
            (bytes32 id,,, uint256[] memory games) = _actors.knownOf(i);
            if (_game.status(id) == IDisputeGame.Status.Pending) sum += rules.bondA;
            for (uint256 g = 0; g < games.length; ++g) {
                if (_game.gameOf(games[g]).status == IDisputeGame.GameStatus.Open) {
                    sum += rules.bondC;
                }
            }
        }
    }
}

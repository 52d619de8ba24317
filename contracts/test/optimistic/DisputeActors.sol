// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {DisputeKit} from "./DisputeKit.sol";
import {TinyProgram} from "./TinyProgram.sol";

/// @notice Honest people who look at the chain before every passage of time, and all others, who do
///         anything at any time.
/// @dev Everybody knows every trace: that helps attackers, and honest people ignore what they could
///      not know. Time passes in steps below the grace, after each of which the honest ones act: that
///      is what "live" means.
contract DisputeActors is DisputeKit {
    uint256 private constant MOST = 4; // assertions, and games about each, of one run
    address private constant HONEST = ALICE;
    address private constant WATCHER = CAROL;

    /// @notice What the handler knows of an assertion.
    struct Known {
        bytes32 id;
        address asserter;
        uint256 lie; // 0: right
        bool withheld;
        uint256[] games;
    }

    Known[] private _known;
    mapping(bytes32 id => IDisputeGame.Status state) private _seen;
    mapping(uint256 gameId => IDisputeGame.GameStatus state) private _seenGame;
    mapping(uint256 gameId => bool played) private _watchers;

    /// @notice Sums that the handler keeps by itself.
    uint256 public paidIn;
    uint256 public paidOut;

    /// @notice How much happened, so that no invariant holds for want of events.
    uint256 public rejections;
    uint256 public finals;
    uint256 public lostGames;
    uint256 public moves;
    uint256 public refusals;

    /// @notice Terminal states that changed: must stay zero.
    uint256 public changes;

    /// @dev The test, which alone may ask for the end.
    address private immutable TEST;

    constructor() {
        TEST = msg.sender;
        super.setUp();
    }

    /// @dev forge calls this too, at random.
    function setUp() public override {}

    // --- what honest people do ---

    /// @notice Time passes; before that everybody honest has acted.
    function pass(uint256 step) external {
        cheats.pauseGasMetering();
        _act();
        cheats.warp(block.timestamp + _bound(_mixed(step), 1, GRACE - 1));
        vm.roll(block.number + AGE);
        _observe();
    }

    /// @notice Most of a clock passes, in steps, with all that honest people do in between.
    function passLong(uint256 steps) external {
        cheats.pauseGasMetering();
        uint256 most = _bound(_mixed(steps), 2, 8);
        for (uint256 i = 0; i < most; ++i) {
            _act();
            cheats.warp(block.timestamp + GRACE - 1);
            vm.roll(block.number + AGE);
        }
        _observe();
    }

    function _act() private {
        for (uint256 i = 0; i < _known.length; ++i) {
            bytes32 id = _known[i].id;
            IDisputeGame.Status state = game.status(id);
            TinyProgram.Trace memory trace = _traceOf(i);
            for (uint256 g = 0; g < _known[i].games.length; ++g) {
                _actIn(i, _known[i].games[g], state, trace);
                state = game.status(id);
            }
            if (state == IDisputeGame.Status.Pending) _actOn(i, trace);
        }
        _observe();
    }

    /// @dev The asserter defends, the watcher attacks, and both claim what is theirs.
    function _actIn(
        uint256 which,
        uint256 gameId,
        IDisputeGame.Status state,
        TinyProgram.Trace memory trace
    ) private {
        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        if (at_.status != IDisputeGame.GameStatus.Open) return;
        if (state == IDisputeGame.Status.Rejected) {
            game.closeGame(gameId);
            return;
        }
        uint256 left = at_.asserterTurn ? at_.clockA : at_.clockC;
        if (block.timestamp >= at_.last + left) {
            game.claimTimeout(gameId);
            return;
        }
        if (_known[which].lie == 0 && _known[which].asserter == HONEST) {
            // All that is asked for in this turn.
            while (at_.asserterTurn) {
                _reveal(HONEST, gameId, trace);
                ++moves;
                at_ = game.gameOf(gameId);
            }
        }
        if (!_watchers[gameId]) return;
        if (!at_.asserterTurn) _playOn(which, gameId, at_, trace);
    }

    /// @dev The watcher's turn: towards the lie, and at its end the proof.
    function _playOn(
        uint256 which,
        uint256 gameId,
        IDisputeGame.Game memory at_,
        TinyProgram.Trace memory trace
    ) private {
        (uint256 node, uint256 elem) = _placeOf(_known[which].lie);
        if (at_.phase != IDisputeGame.Phase.Step) {
            bool inTrace = at_.phase == IDisputeGame.Phase.Trace;
            _select(WATCHER, gameId, trace, inTrace ? node : elem / 4);
            ++moves;
            return;
        }
        bytes memory proof = abi.encode(TinyProgram.elementProof(trace, node, elem));
        if (!_committed(WATCHER, at_.assertionId, proof)) return;
        vm.prank(WATCHER);
        game.proveStep(gameId, IDisputeGame.FaultKind.Element, proof, SALT);
    }

    /// @dev The watcher opens one game about each lie; anybody makes final what can be.
    function _actOn(uint256 which, TinyProgram.Trace memory trace) private {
        Known storage known = _known[which];
        IDisputeGame.Assertion memory said = game.assertionOf(known.id);
        if (block.timestamp >= said.assertedAt + WINDOW) {
            if (said.openGames == 0) game.finalize(known.id);
            return;
        }
        if (known.lie == 0) return;
        if (!known.withheld) {
            (uint256 node, uint256 elem) = _placeOf(known.lie);
            bytes memory proof = abi.encode(TinyProgram.elementProof(trace, node, elem));
            if (!_committed(WATCHER, known.id, proof)) return;
            vm.prank(WATCHER);
            game.proveFault(known.id, IDisputeGame.FaultKind.Element, proof, SALT);
            return;
        }
        for (uint256 g = 0; g < known.games.length; ++g) {
            if (_watchers[known.games[g]]) return;
        }
        uint256 gameId = _open(WATCHER, known.id);
        paidIn += BOND_C;
        known.games.push(gameId);
        _watchers[gameId] = true;
    }

    /// @dev Whether a commit can be used; makes it if there is none.
    function _committed(address who, bytes32 id, bytes memory proof) private returns (bool) {
        bytes32 digest = _digest(who, IDisputeGame.CommitKind.Element, id, keccak256(proof));
        uint256 number = game.committedAt(who, digest);
        if (number != 0) return block.number >= number + AGE;
        vm.prank(who);
        game.commit(digest);
        return false;
    }

    // --- what anybody does ---

    /// @notice The honest asserter, or another one with a right or a wrong result.
    function assertSomething(uint256 who, uint256 lie, uint256 luck) external {
        if (_known.length >= MOST) return;
        bool honest = _mixed(luck) % 3 == 0;
        lie = honest || _mixed(luck) % 5 == 1 ? 0 : 1 + _mixed(lie) % 330;
        address asserter = honest ? HONEST : _rogue(who);
        TinyProgram.Trace memory trace = _traceFor(lie);
        bytes32 id = _assert(asserter, trace);
        paidIn += BOND_A;
        uint256[] memory none;
        _known.push(Known(id, asserter, lie, _mixed(luck) % 4 != 2, none));
        _observe();
    }

    /// @notice A spammer, a saboteur, a self-challenger: games about anything.
    function openSomething(uint256 who, uint256 which) external {
        cheats.pauseGasMetering();
        if (_known.length == 0) return;
        Known storage known = _known[_mixed(which) % _known.length];
        if (known.games.length >= MOST) return;
        vm.prank(_rogue(who));
        try game.openGame{value: BOND_C}(known.id) returns (uint256 gameId) {
            paidIn += BOND_C;
            known.games.push(gameId);
        } catch {
            ++refusals;
        }
    }

    /// @notice Anybody shows what the trace holds: a liar, a helper, a challenger that hurries.
    function revealSomething(uint256 who, uint256 which, uint256 price) external {
        (uint256 place, uint256 gameId) = _pick(which);
        if (gameId == 0) return;
        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        if (!_movable(at_) || !at_.asserterTurn) return;
        cheats.txGasPrice(_mixed(price) % (2 * CAP));
        _reveal(_anybody(who), gameId, _traceOf(place));
        cheats.txGasPrice(0);
        ++moves;
    }

    /// @notice Anybody shows something else, or nothing.
    function revealJunk(uint256 who, uint256 which, bytes32 junk) external {
        (, uint256 gameId) = _pick(which);
        bytes32[] memory nodes = new bytes32[](uint256(1) << (_mixed(who) % 5));
        nodes[0] = junk;
        address caller = _anybody(who);
        vm.prank(caller);
        try game.revealNodes(gameId, nodes) {
            vm.assertTrue(false, "junk was taken");
        } catch {
            ++refusals;
        }
        vm.prank(caller);
        try game.revealLeaf(gameId, abi.encode(junk)) {
            vm.assertTrue(false, "junk was taken");
        } catch {
            ++refusals;
        }
    }

    /// @notice A challenger other than the watcher goes anywhere, as far as it likes.
    function selectSomething(uint256 which, uint256 target, uint256 more) external {
        (uint256 place, uint256 gameId) = _pick(which);
        if (gameId == 0 || _watchers[gameId]) return;
        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        if (!_movable(at_) || at_.asserterTurn || at_.phase == IDisputeGame.Phase.Step) return;
        uint256 least = _levels(at_.height);
        uint256 levels = least + _mixed(more) % (at_.height - least + 1);
        bool inTrace = at_.phase == IDisputeGame.Phase.Trace;
        _select(
            at_.challenger, gameId, _traceOf(place), _mixed(target) % (inTrace ? 5 : 17), levels
        );
        ++moves;
    }

    /// @notice Anybody selects in a game that is not theirs.
    function selectForAnother(uint256 who, uint256 which) external {
        (, uint256 gameId) = _pick(which);
        address caller = _rogue(who);
        if (gameId == 0 || game.gameOf(gameId).challenger == caller) return;
        vm.prank(caller);
        try game.select(gameId, 3, 0, bytes32(0), new bytes32[](3)) {
            vm.assertTrue(false, "selected for another");
        } catch {
            ++refusals;
        }
    }

    /// @notice Anybody proves anything: a liar its own lie, a copier another's, a fool a right one.
    function proveSomething(uint256 who, uint256 which, uint256 elem, bool inGame) external {
        (uint256 place, uint256 gameId) = _pick(which);
        if (gameId == 0) return;
        Known storage known = _known[place];
        (uint256 node, uint256 at_) = known.lie == 0 || _mixed(elem) % 3 == 0
            ? (_mixed(elem) % 5, _mixed(elem) % 66)
            : _placeOf(known.lie);
        bytes memory proof = abi.encode(TinyProgram.elementProof(_traceOf(place), node, at_));
        address caller = _rogue(who);
        if (!_committed(caller, known.id, proof)) vm.roll(block.number + AGE);
        vm.prank(caller);
        if (inGame) {
            try game.proveStep(gameId, IDisputeGame.FaultKind.Element, proof, SALT) {}
            catch {
                ++refusals;
            }
        } else {
            try game.proveFault(known.id, IDisputeGame.FaultKind.Element, proof, SALT) {}
            catch {
                ++refusals;
            }
        }
        _observe();
    }

    /// @notice Anybody tries to end anything.
    function endSomething(uint256 which, uint256 how) external {
        (uint256 place, uint256 gameId) = _pick(which);
        if (gameId == 0) return;
        how = _mixed(how) % 3;
        if (how == 0) {
            try game.claimTimeout(gameId) {}
            catch {
                ++refusals;
            }
        } else if (how == 1) {
            try game.closeGame(gameId) {}
            catch {
                ++refusals;
            }
        } else {
            try game.finalize(_known[place].id) {}
            catch {
                ++refusals;
            }
        }
        _observe();
    }

    /// @notice Anybody takes out what is theirs.
    function withdrawSomething(uint256 who) external {
        address caller = _anybody(who);
        uint256 before = caller.balance;
        vm.prank(caller);
        try game.withdraw() {
            paidOut += caller.balance - before;
        } catch {
            ++refusals;
        }
    }

    /// @notice Coins come by force.
    function force(uint256 amount) external {
        cheats.deal(address(game), address(game).balance + _mixed(amount) % 1 ether);
    }

    // --- what the invariants ask ---

    function count() external view returns (uint256) {
        return _known.length;
    }

    function knownOf(uint256 which)
        external
        view
        returns (bytes32 id, address asserter, bool right, uint256[] memory games)
    {
        Known storage known = _known[which];
        return (known.id, known.asserter, known.lie == 0, known.games);
    }

    function isWatchers(uint256 gameId) external view returns (bool) {
        return _watchers[gameId];
    }

    function theGame() external view returns (IDisputeGame) {
        return game;
    }

    function honestAsserter() external pure returns (address) {
        return HONEST;
    }

    function bound() external pure returns (uint256) {
        return WINDOW + 2 * uint256(CLOCK) + 20 * uint256(GRACE);
    }

    /// @notice All credits of all people.
    function credits() external view returns (uint256 sum) {
        for (uint256 i = 0; i < 5; ++i) {
            sum += game.creditOf(_person(i));
        }
    }

    /// @notice Honest people go on until all is decided; then everybody withdraws.
    function settleAll() external {
        if (msg.sender != TEST) return;
        cheats.pauseGasMetering(); // the handler's own work is more than a transaction may do
        for (uint256 i = 0; i < 200 && _undecided(); ++i) {
            _act();
            cheats.warp(block.timestamp + GRACE - 1);
            vm.roll(block.number + AGE);
        }
        _act(); // games about what was rejected last are closed
        for (uint256 i = 0; i < 5; ++i) {
            uint256 credit = game.creditOf(_person(i));
            if (credit == 0) continue;
            vm.prank(_person(i));
            game.withdraw();
            paidOut += credit;
        }
    }

    function _undecided() private view returns (bool) {
        for (uint256 i = 0; i < _known.length; ++i) {
            if (game.assertionOf(_known[i].id).openGames != 0) return true;
            if (game.status(_known[i].id) == IDisputeGame.Status.Pending) return true;
        }
        return false;
    }

    /// @dev Remembers terminal states and counts those that change.
    function _observe() private {
        for (uint256 i = 0; i < _known.length; ++i) {
            bytes32 id = _known[i].id;
            IDisputeGame.Status state = game.status(id);
            if (_seen[id] != state) {
                if (_seen[id] > IDisputeGame.Status.Pending) ++changes;
                if (state == IDisputeGame.Status.Rejected) ++rejections;
                if (state == IDisputeGame.Status.Finalized) ++finals;
                _seen[id] = state;
            }
            for (uint256 g = 0; g < _known[i].games.length; ++g) {
                uint256 gameId = _known[i].games[g];
                IDisputeGame.GameStatus end = game.gameOf(gameId).status;
                if (_seenGame[gameId] == end) continue;
                if (_seenGame[gameId] > IDisputeGame.GameStatus.Open) ++changes;
                if (end == IDisputeGame.GameStatus.Lost) ++lostGames;
                _seenGame[gameId] = end;
            }
        }
    }

    function _movable(IDisputeGame.Game memory at_) private view returns (bool) {
        if (at_.status != IDisputeGame.GameStatus.Open) return false;
        if (game.status(at_.assertionId) != IDisputeGame.Status.Pending) return false;
        return block.timestamp < at_.last + (at_.asserterTurn ? at_.clockA : at_.clockC);
    }

    function _pick(uint256 which) private view returns (uint256 place, uint256 gameId) {
        if (_known.length == 0) return (0, 0);
        place = _mixed(which) % _known.length;
        uint256[] storage games = _known[place].games;
        if (games.length != 0) gameId = games[_mixed(~which) % games.length];
    }

    function _traceOf(uint256 which) private view returns (TinyProgram.Trace memory) {
        return _traceFor(_known[which].lie);
    }

    function _traceFor(uint256 lie) private pure returns (TinyProgram.Trace memory) {
        if (lie == 0) return _honest();
        (uint256 node, uint256 elem) = _placeOf(lie);
        return TinyProgram.run(TinyProgram.Kind.Chain, node, elem, 1, lie % 2 == 0);
    }

    function _placeOf(uint256 lie) private pure returns (uint256 node, uint256 elem) {
        return ((lie - 1) / 66, (lie - 1) % 66);
    }

    function _person(uint256 who) private pure returns (address) {
        return [ALICE, CAROL, DAVE, MALLORY, address(0xeee)][who];
    }

    function _anybody(uint256 who) private pure returns (address) {
        return _person(_mixed(who) % 5);
    }

    /// @dev Anybody but the honest ones.
    function _rogue(uint256 who) private returns (address rogue) {
        rogue = _person(2 + _mixed(who) % 3);
        if (rogue.balance < 1 ether) cheats.deal(rogue, 1000 ether);
    }

    /// @dev Evens out what forge draws: much of it is small, round or an address.
    function _mixed(uint256 value) private pure returns (uint256) {
        unchecked {
            return uint256(keccak256(abi.encode(value)));
        }
    }
}

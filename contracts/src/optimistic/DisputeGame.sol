// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Assertions} from "./Assertions.sol";
import {Bonds} from "./Bonds.sol";
import {Commitments} from "./Commitments.sol";
import {IDisputeGame} from "./IDisputeGame.sol";
import {IFaultJudge} from "./IFaultJudge.sol";
import {IStepRouter} from "./IStepRouter.sol";
import {NodeDescriptor} from "./NodeDescriptor.sol";
import {Programs} from "./Programs.sol";

/// @title DisputeGame
/// @notice Games that force a trace into the open: a challenger selects a path from the trace's root
///         to one leaf of one tensor, and whoever holds the trace shows what lies on it.
/// @dev Games about one assertion run side by side. Each has a clock for either side; the side to
///      move loses the game when its time is up. What was shown in one game is known in all games of
///      the assertion. Nothing loops over games or assertions; a loop over the refunds of one game
///      is as long as that game had reveals.
contract DisputeGame is Assertions {
    /// @dev What a revealer gets from a lost game's bond.
    struct Refund {
        address revealer;
        uint96 amount;
    }

    /// @dev A tensor's root, once shown.
    struct ShownTensor {
        bytes32 root;
        uint64 leaves;
    }

    /// @dev Number of games ever opened; their names count from 1.
    uint256 private _gameCount;

    /// @dev Games by name.
    mapping(uint256 gameId => Game game) private _games;

    /// @dev Refunds of each game.
    // Written through the pointer in `_addRefund`.
    // slither-disable-next-line uninitialized-state
    mapping(uint256 gameId => Refund[] refunds) private _refunds;

    /// @dev What was shown, by `_showingOf`.
    mapping(bytes32 showing => bool known) private _shown;

    /// @dev Tensors that were shown.
    mapping(bytes32 assertionId => mapping(uint32 node => ShownTensor tensor)) private _tensors;

    /// @param judge Checks proofs.
    /// @param router Judges steps.
    /// @param rules See `Params`.
    constructor(IFaultJudge judge, IStepRouter router, Params memory rules)
        Bonds(rules)
        Programs(judge, router)
    {}

    /// @inheritdoc IDisputeGame
    function openGame(bytes32 assertionId) external payable returns (uint256 gameId) {
        _deposit(BOND_C);
        Assertion storage assertion = _contestable(assertionId);
        uint32 nodes = _admitted(assertion.programRoot).nodeCount;
        ++assertion.openGames;
        gameId = ++_gameCount;
        Game storage game = _games[gameId];
        game.assertionId = assertionId;
        game.challenger = msg.sender;
        game.status = GameStatus.Open;
        game.cur = assertion.traceRoot;
        game.height = uint8(Commitments.treeHeight(nodes)); // at most 32
        game.leaves = nodes;
        // Both are below MAX_DURATION, see OP-19.
        // forge-lint: disable-next-line(unsafe-typecast)
        game.clockA = uint40(CLOCK_A);
        // forge-lint: disable-next-line(unsafe-typecast)
        game.clockC = uint40(CLOCK_C);
        game.last = uint48(block.timestamp);
        emit GameOpened(gameId, assertionId, msg.sender);
        _arrive(gameId, game);
    }

    /// @inheritdoc IDisputeGame
    function revealNodes(uint256 gameId, bytes32[] calldata descendants) external {
        Game storage game = _asserterMoves(gameId);
        if (game.phase != Phase.Trace && game.phase != Phase.Tensor) {
            revert Game_WrongPhase(gameId, game.phase);
        }
        uint256 levels = _levelsAt(game.height);

        // INVARIANT OP-9: all descendants of what is disputed, at the level that comes next.
        if (descendants.length != 1 << levels || Commitments.rootFromLevel(descendants) != game.cur)
        {
            revert Game_BadReveal(gameId);
        }

        _shown[_showingOf(game.assertionId, game.cur, levels)] = true;
        emit NodesRevealed(gameId, game.assertionId, msg.sender, game.cur, descendants);
        _addRefund(gameId, 0);
        _arrive(gameId, game);
    }

    /// @inheritdoc IDisputeGame
    function revealTensor(
        uint256 gameId,
        bytes32 tensorRoot,
        bytes calldata desc,
        bytes32[] calldata descBranch
    ) external {
        Game storage game = _asserterMoves(gameId);
        if (game.phase != Phase.Node) revert Game_WrongPhase(gameId, game.phase);
        uint32 id = game.node;

        // INVARIANT OP-9: it is the root that the trace holds for this node.
        if (Commitments.traceLeaf(id, tensorRoot) != game.cur) revert Game_BadReveal(gameId);

        uint64 leaves = _leavesOf(_pending(game.assertionId).programRoot, id, desc, descBranch);
        _tensors[game.assertionId][id] = ShownTensor({root: tensorRoot, leaves: leaves});
        emit TensorRevealed(gameId, game.assertionId, msg.sender, id, tensorRoot);
        _addRefund(gameId, desc.length);
        _arrive(gameId, game);
    }

    /// @inheritdoc IDisputeGame
    function revealLeaf(uint256 gameId, bytes calldata leaf) external {
        Game storage game = _asserterMoves(gameId);
        if (game.phase != Phase.Leaf) revert Game_WrongPhase(gameId, game.phase);
        uint256 size = 1 << _admitted(_pending(game.assertionId).programRoot).leafLog2;

        // INVARIANT OP-9: it is the disputed leaf.
        // INVARIANT OP-7: a leaf has exactly its size.
        if (leaf.length != size || Commitments.dataLeaf(leaf) != game.cur) {
            revert Game_BadReveal(gameId);
        }

        _shown[_showingOf(game.assertionId, game.cur, 0)] = true;
        emit LeafRevealed(gameId, game.assertionId, msg.sender, game.cur, leaf);
        _addRefund(gameId, 0);
        _arrive(gameId, game);
    }

    /// @inheritdoc IDisputeGame
    function select(
        uint256 gameId,
        uint8 levels,
        uint64 index,
        bytes32 hash,
        bytes32[] calldata siblings
    ) external {
        Game storage game = _running(gameId);

        // INVARIANT OP-11: the asserter has shown what there is to select from.
        if (game.asserterTurn) revert Game_NotYourTurn(gameId);

        // INVARIANT OP-11: nobody else can lead a challenger's game astray.
        if (msg.sender != game.challenger) revert Game_NotChallenger(gameId);

        if (game.phase != Phase.Trace && game.phase != Phase.Tensor) {
            revert Game_WrongPhase(gameId, game.phase);
        }

        // INVARIANT OP-10: each selection saves the asserter a reveal, and none leaves the tree.
        if (levels < _levelsAt(game.height) || levels > game.height) {
            revert Game_BadSelection(gameId);
        }

        // INVARIANT OP-10: what is selected lies below what was disputed before.
        if (Commitments.rootFromPath(hash, index, levels, siblings) != game.cur) {
            revert Game_BadSelection(gameId);
        }

        uint8 height = game.height - levels;
        uint64 position = (game.index << levels) | index;

        // INVARIANT OP-10: the asserter need not show padding; if it is wrong, prove that.
        if (uint256(position) << height >= game.leaves) revert Game_BadSelection(gameId);

        game.cur = hash;
        game.height = height;
        game.index = position;
        emit Selected(gameId, levels, index, hash);
        _arrive(gameId, game);
    }

    /// @inheritdoc IDisputeGame
    function proveStep(uint256 gameId, FaultKind kind, bytes calldata proof, bytes32 salt)
        external
    {
        Game storage game = _running(gameId);
        _checkProof(game.assertionId, kind, proof, salt);
        _win(gameId, game);
    }

    /// @inheritdoc IDisputeGame
    function claimTimeout(uint256 gameId) external {
        Game storage game = _playable(gameId);

        // INVARIANT OP-12: the same rule that refuses moves.
        if (!_expired(game)) revert Game_ClockRunning(gameId);

        if (game.asserterTurn) _win(gameId, game);
        else _lose(gameId, game);
    }

    /// @inheritdoc IDisputeGame
    function closeGame(uint256 gameId) external {
        Game storage game = _unsettled(gameId);
        bytes32 assertionId = game.assertionId;
        Status state = _assertionAt(assertionId).status;

        // INVARIANT OP-13: as long as nobody was right, a challenger has to play on.
        if (state != Status.Rejected) revert Game_NotRejected(assertionId, state);

        _settle(gameId, game, GameStatus.Closed);
        _returnChallengerBond(game.challenger);
    }

    /// @inheritdoc IDisputeGame
    function gameOf(uint256 gameId) external view returns (Game memory game) {
        game = _games[gameId];
    }

    /// @inheritdoc IDisputeGame
    function isRevealed(bytes32 assertionId, bytes32 hash, uint256 levels)
        external
        view
        returns (bool shown)
    {
        shown = _shown[_showingOf(assertionId, hash, levels)];
    }

    /// @inheritdoc IDisputeGame
    function revealedTensor(bytes32 assertionId, uint32 node)
        external
        view
        returns (bytes32 tensorRoot, uint64 leaves)
    {
        ShownTensor storage tensor = _tensors[assertionId][node];
        (tensorRoot, leaves) = (tensor.root, tensor.leaves);
    }

    /// @inheritdoc IDisputeGame
    function version() external pure returns (string memory number) {
        number = "1.0.0";
    }

    /// @dev Ends a move: charges its time, sets phase and turn by what is known of the position, and
    ///      sees to it that the side to move has time.
    /// @param gameId Name of the game.
    /// @param game The game, at its new position or with something new shown.
    function _arrive(uint256 gameId, Game storage game) private {
        _charge(game);
        bytes32 assertionId = game.assertionId;
        if (game.phase <= Phase.Node && game.height == 0) _enterTensor(assertionId, game);
        bool known = false;
        if (game.phase != Phase.Node) {
            uint256 levels = _levelsAt(game.height);
            known = _shown[_showingOf(assertionId, game.cur, levels)];
            if (levels == 0) game.phase = known ? Phase.Step : Phase.Leaf;
        }
        game.asserterTurn = !known;

        // INVARIANT OP-12: nobody is left with less time than a transaction may take.
        if (known) {
            // The grace is below MAX_DURATION, see OP-19.
            // forge-lint: disable-next-line(unsafe-typecast)
            if (game.clockC < GRACE) game.clockC = uint40(GRACE);
        } else {
            // forge-lint: disable-next-line(unsafe-typecast)
            if (game.clockA < GRACE) game.clockA = uint40(GRACE);
        }
        emit Turn(
            gameId,
            game.phase,
            game.asserterTurn,
            game.node,
            game.cur,
            game.height,
            game.index,
            game.clockA,
            game.clockC,
            game.last
        );
    }

    /// @dev From the trace's tree into that of one tensor, if its root is known.
    /// @param assertionId The assertion.
    /// @param game The game, at a leaf of the trace's tree.
    function _enterTensor(bytes32 assertionId, Game storage game) private {
        if (game.phase == Phase.Trace) {
            game.phase = Phase.Node;
            game.node = uint32(game.index); // below the number of nodes
        }
        ShownTensor storage tensor = _tensors[assertionId][game.node];
        uint64 leaves = tensor.leaves;
        if (leaves == 0) return;
        game.phase = Phase.Tensor;
        game.cur = tensor.root;
        game.height = uint8(Commitments.treeHeight(leaves)); // at most 29
        game.index = 0;
        game.leaves = leaves;
    }

    /// @dev Takes the time of a turn from the clock of its side.
    /// @param game The game; the clock has not run out.
    function _charge(Game storage game) private {
        uint40 passed = uint40(block.timestamp - game.last);
        if (game.asserterTurn) game.clockA -= passed;
        else game.clockC -= passed;
        game.last = uint48(block.timestamp);
    }

    /// @dev Notes what the sender of a reveal gets if the challenger loses.
    /// @param gameId In which game.
    /// @param descriptorBytes Of the descriptor that was shown; its hash binds it, so nobody can make
    ///        a reveal dearer than it is.
    function _addRefund(uint256 gameId, uint256 descriptorBytes) private {
        uint96 amount = _refundOfReveal(descriptorBytes);
        if (amount == 0) return;
        Refund[] storage refunds = _refunds[gameId];
        uint256 count = refunds.length;
        if (count != 0 && refunds[count - 1].revealer == msg.sender) {
            refunds[count - 1].amount += amount;
        } else {
            refunds.push(Refund({revealer: msg.sender, amount: amount}));
        }
    }

    /// @dev Ends a game for the challenger, and the assertion with it.
    /// @param gameId Name of the game.
    /// @param game The game.
    function _win(uint256 gameId, Game storage game) private {
        _settle(gameId, game, GameStatus.Won);
        _leavePending(game.assertionId, Status.Rejected, game.challenger);
        _returnChallengerBond(game.challenger);
    }

    /// @dev Ends a game against the challenger. The assertion stays open to others.
    /// @param gameId Name of the game.
    /// @param game The game.
    function _lose(uint256 gameId, Game storage game) private {
        _settle(gameId, game, GameStatus.Lost);
        Refund[] storage refunds = _refunds[gameId];
        uint256 rest = BOND_C;
        for (uint256 i = 0; i < refunds.length; ++i) {
            _credit(refunds[i].revealer, refunds[i].amount);
            rest -= refunds[i].amount;
        }
        _burn(rest);
    }

    /// @dev Ends a game.
    /// @param gameId Name of the game.
    /// @param game The game, not settled.
    /// @param state How.
    function _settle(uint256 gameId, Game storage game, GameStatus state) private {
        game.status = state;
        --_assertionAt(game.assertionId).openGames;
        emit GameSettled(gameId, game.assertionId, state);
    }

    /// @dev A game in which the sender may show something.
    /// @param gameId Its name.
    /// @return game In storage.
    function _asserterMoves(uint256 gameId) private view returns (Game storage game) {
        game = _running(gameId);

        // INVARIANT OP-11: what is known cannot be shown again, nor a challenger be skipped.
        if (!game.asserterTurn) revert Game_NotYourTurn(gameId);
    }

    /// @dev A game that moves can be made in.
    /// @param gameId Its name.
    /// @return game In storage.
    function _running(uint256 gameId) private view returns (Game storage game) {
        game = _playable(gameId);

        // INVARIANT OP-12: no move undoes a timeout.
        if (_expired(game)) revert Game_ClockExpired(gameId);
    }

    /// @dev A game about an assertion that is not decided.
    /// @param gameId Its name.
    /// @return game In storage.
    function _playable(uint256 gameId) private view returns (Game storage game) {
        game = _unsettled(gameId);
        _pending(game.assertionId);
    }

    /// @dev A game that has not ended.
    /// @param gameId Its name.
    /// @return game In storage.
    function _unsettled(uint256 gameId) private view returns (Game storage game) {
        game = _games[gameId];
        if (game.status == GameStatus.None) revert Game_UnknownGame(gameId);

        // INVARIANT OP-15: a game ends once.
        if (game.status != GameStatus.Open) revert Game_AlreadySettled(gameId);
    }

    /// @dev The one rule of expiry: the last second counts as over.
    /// @param game The game.
    /// @return over True if the time of the side to move is up.
    function _expired(Game storage game) private view returns (bool over) {
        uint256 left = game.asserterTurn ? game.clockA : game.clockC;

        // INVARIANT OP-12: moves and timeouts exclude each other at every second.
        over = block.timestamp >= uint256(game.last) + left;
    }

    /// @dev Leaves of a node's tensor.
    /// @param programRoot Of the program.
    /// @param id The node.
    /// @param desc Its descriptor.
    /// @param branch From the descriptor's leaf to `graphRoot`.
    /// @return leaves As the shape implies.
    function _leavesOf(
        bytes32 programRoot,
        uint32 id,
        bytes calldata desc,
        bytes32[] calldata branch
    ) private view returns (uint64 leaves) {
        ProgramFacts storage facts = _admitted(programRoot);
        bytes32 leaf = Commitments.nodeLeaf(desc);

        // INVARIANT OP-3: the shape is that of this node.
        if (Commitments.rootFromBranch(leaf, id, facts.nodeCount, branch) != facts.graphRoot) {
            revert Game_BadDescriptor(id);
        }

        (uint256 width, uint32[] memory shape) = NodeDescriptor.resultOf(desc);
        uint256 count = NodeDescriptor.elements(shape);
        uint256 all = NodeDescriptor.leafCount(count, width, facts.leafLog2);

        // INVARIANT OP-19: no tensor is higher than admission reckoned with.
        if (Commitments.treeHeight(all) > facts.maxHeight) revert Game_BadDescriptor(id);

        // At most 2^31 elements of 8 bytes.
        // forge-lint: disable-next-line(unsafe-typecast)
        leaves = uint64(all);
    }

    /// @dev Levels that the next reveal opens: what is left to a multiple of four, or four.
    /// @param height Of the subtree.
    /// @return levels Zero for a leaf.
    function _levelsAt(uint256 height) private pure returns (uint256 levels) {
        levels = height == 0 ? 0 : (height - 1) % LEVELS + 1;
    }

    /// @dev Key of what was shown in an assertion.
    /// @param assertionId The assertion.
    /// @param hash Whose descendants.
    /// @param levels How many levels down; zero for a leaf's bytes.
    /// @return showing The key.
    function _showingOf(bytes32 assertionId, bytes32 hash, uint256 levels)
        private
        pure
        returns (bytes32 showing)
    {
        showing = keccak256(abi.encode(assertionId, hash, levels));
    }
}

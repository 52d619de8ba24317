// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputeGame} from "./IDisputeGame.sol";

/// @title Bonds
/// @notice The rules of a game contract, and where every coin is.
/// @dev Coins come in by `_deposit`, go out by `withdraw`, and move between "bond", "credit" and
///      "burned" only by `_credit` and `_burn`: `deposited = locked + withdrawn + burned`. Burned
///      coins stay in the balance, where nothing reaches them; forced coins do likewise.
abstract contract Bonds is IDisputeGame {
    /// @notice No assertion stays undecided for so long, in seconds.
    uint256 public constant MAX_DURATION = 7 days;

    /// @notice Most blocks between a commit and its use.
    uint256 public constant MAX_COMMIT_AGE = 64;

    /// @notice Gas that a reveal is refunded for, beside the descriptor that it shows. More than the
    ///         dearest kind costs, with leaves of 1024 bytes and the note of the refund.
    uint256 public constant REVEAL_GAS = 158_000;

    /// @notice Gas that each byte of a shown descriptor is refunded for beyond that. A game shows one.
    ///         Calldata has a price of its own (EIP-7623): 10 for a zero byte, 40 for others, of which
    ///         a word of a descriptor has four at most, but for a few attributes.
    uint256 public constant DESCRIPTOR_GAS = 12;

    /// @notice Most bytes of a descriptor that are refunded. No node that can be judged has a longer
    ///         one: each operand takes its part of the largest step.
    uint256 public constant MAX_DESCRIPTOR_BYTES = 27_136;

    /// @notice Gas of a challenger in the dearest game, the proof of the step included.
    uint256 public constant CHALLENGER_GAS = 2_500_000;

    /// @dev Shares are in 1/10,000.
    uint256 private constant WHOLE = 10_000;

    uint64 internal immutable WINDOW;
    uint64 internal immutable CLOCK_A;
    uint64 internal immutable CLOCK_C;
    uint64 internal immutable GRACE;
    uint8 internal immutable MAX_MOVES;
    uint96 internal immutable BOND_A;
    uint96 internal immutable BOND_C;
    uint16 private immutable REWARD_BPS;
    uint16 private immutable REFUND_BPS;
    uint32 internal immutable MIN_COMMIT_AGE;
    uint96 private immutable GAS_PRICE_CAP;

    /// @dev Sums of all coins.
    Totals private _totals;

    /// @dev What each account may withdraw; all of it is locked.
    mapping(address account => uint256 amount) private _credits;

    /// @param rules See `Params`.
    constructor(Params memory rules) {
        _checkParams(rules);
        WINDOW = rules.window;
        CLOCK_A = rules.clockA;
        CLOCK_C = rules.clockC;
        GRACE = rules.grace;
        MAX_MOVES = rules.maxMoves;
        BOND_A = rules.bondA;
        BOND_C = rules.bondC;
        REWARD_BPS = rules.rewardBps;
        REFUND_BPS = rules.refundBps;
        MIN_COMMIT_AGE = rules.minCommitAge;
        GAS_PRICE_CAP = rules.gasPriceCap;
    }

    /// @inheritdoc IDisputeGame
    function withdraw() external {
        uint256 amount = _credits[msg.sender];
        if (amount == 0) revert Game_NothingToWithdraw(msg.sender);

        // INVARIANT OP-18: all is written before the call, so a call back finds nothing to take.
        _credits[msg.sender] = 0;
        // A credit is a part of `locked`, which has 128 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        _totals.locked -= uint128(amount);
        // forge-lint: disable-next-line(unsafe-typecast)
        _totals.withdrawn += uint128(amount);
        emit Withdrawn(msg.sender, amount);
        // Whoever is owed coins may be a contract that needs gas to take them.
        // slither-disable-next-line low-level-calls
        (bool taken,) = msg.sender.call{value: amount}("");

        // INVARIANT OP-18: who does not take the coins keeps the credit, and stops nobody else.
        if (!taken) revert Game_TransferFailed(msg.sender);
    }

    /// @inheritdoc IDisputeGame
    function creditOf(address account) external view returns (uint256 amount) {
        amount = _credits[account];
    }

    /// @inheritdoc IDisputeGame
    function totals() external view returns (Totals memory sums) {
        sums = _totals;
    }

    /// @inheritdoc IDisputeGame
    function params() external view returns (Params memory rules) {
        rules = _params();
    }

    /// @dev Takes the caller's coins as a bond.
    /// @param bond How many.
    function _deposit(uint96 bond) internal {
        // INVARIANT OP-16: the value sent is the bond, so no coin is here that nobody owns.
        if (msg.value != bond) revert Game_WrongBond(msg.value, bond);

        _totals.deposited += bond;
        _totals.locked += bond;
    }

    /// @dev Pays back the bond of an assertion that stands.
    /// @param asserter Whose bond.
    function _returnAsserterBond(address asserter) internal {
        _credit(asserter, BOND_A);
    }

    /// @dev Divides the bond of a rejected assertion.
    /// @param winner Who gets the reward. The rest burns, at least half of it, so that whoever
    ///        rejects an assertion of its own loses by it.
    function _slashAsserterBond(address winner) internal {
        uint256 reward = uint256(BOND_A) * REWARD_BPS / WHOLE;
        _credit(winner, reward);
        _burn(BOND_A - reward);
    }

    /// @dev Pays back the bond of a game that was not lost.
    /// @param challenger Whose bond.
    function _returnChallengerBond(address challenger) internal {
        _credit(challenger, BOND_C);
    }

    /// @dev Lets an account withdraw more of what is locked.
    /// @param account Which.
    /// @param amount How much more.
    function _credit(address account, uint256 amount) internal {
        _credits[account] += amount;
        emit Credited(account, amount);
    }

    /// @dev Puts locked coins out of reach.
    /// @param amount How many.
    function _burn(uint256 amount) internal {
        // At most a bond, which has 96 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        _totals.locked -= uint128(amount);
        // forge-lint: disable-next-line(unsafe-typecast)
        _totals.burned += uint128(amount);
        emit Burned(amount);
    }

    /// @dev What a reveal in this transaction is refunded, if its game is lost. All reveals of a
    ///      game together get no more than `refundBps` of `bondC`: see the rule `BondC`.
    /// @param descriptorBytes Of the descriptor that it shows; zero for most.
    /// @return amount Which fits 96 bits by the same rule.
    function _refundOfReveal(uint256 descriptorBytes) internal view returns (uint96 amount) {
        uint256 price = tx.gasprice < GAS_PRICE_CAP ? tx.gasprice : GAS_PRICE_CAP;
        if (descriptorBytes > MAX_DESCRIPTOR_BYTES) descriptorBytes = MAX_DESCRIPTOR_BYTES;
        // Less than `bondC`, see the rule.
        // forge-lint: disable-next-line(unsafe-typecast)
        amount = uint96((REVEAL_GAS + DESCRIPTOR_GAS * descriptorBytes) * price);
    }

    /// @dev The rules again.
    /// @return rules As given to the constructor.
    function _params() internal view returns (Params memory rules) {
        rules = Params({
            window: WINDOW,
            clockA: CLOCK_A,
            clockC: CLOCK_C,
            grace: GRACE,
            maxMoves: MAX_MOVES,
            bondA: BOND_A,
            bondC: BOND_C,
            rewardBps: REWARD_BPS,
            refundBps: REFUND_BPS,
            minCommitAge: MIN_COMMIT_AGE,
            gasPriceCap: GAS_PRICE_CAP
        });
    }

    /// @dev Refuses rules under which an honest party could lose, or a lie could pay.
    /// @param rules See `Params`.
    function _checkParams(Params memory rules) private pure {
        uint256 moves = rules.maxMoves;

        // INVARIANT OP-19: each side can move, and every turn has time for a transaction.
        _require(rules.window != 0 && rules.grace != 0, ParamsRule.Clocks);
        _require(rules.clockA >= rules.grace && rules.clockC >= rules.grace, ParamsRule.Clocks);

        // INVARIANT OP-19: every move gives at most the grace, so this bounds every game.
        uint256 duration = uint256(rules.window) + rules.clockA + rules.clockC + moves * rules.grace;
        _require(duration < MAX_DURATION, ParamsRule.Duration);

        // INVARIANT OP-19: one node with one leaf takes a tensor, a leaf and a proof.
        _require(moves >= 3, ParamsRule.Moves);

        // INVARIANT OP-19: a copy of what is shown comes too late, the original does not.
        _require(
            rules.minCommitAge != 0 && rules.minCommitAge <= MAX_COMMIT_AGE, ParamsRule.CommitAge
        );

        // INVARIANT OP-19: to lose to oneself costs at least half of one bond, a quarter of the other.
        _require(rules.rewardBps <= WHOLE / 2, ParamsRule.Shares);
        _require(rules.refundBps <= WHOLE * 3 / 4, ParamsRule.Shares);

        // INVARIANT OP-19: the bonds pay for the honest side's gas, at any price up to the cap.
        uint256 price = rules.gasPriceCap;
        _require(
            price != 0
                && uint256(rules.bondA) * rules.rewardBps >= 2 * CHALLENGER_GAS * price * WHOLE,
            ParamsRule.BondA
        );
        uint256 gas_ = (moves + 1) / 2 * REVEAL_GAS + DESCRIPTOR_GAS * MAX_DESCRIPTOR_BYTES;
        _require(uint256(rules.bondC) * rules.refundBps >= gas_ * price * WHOLE, ParamsRule.BondC);
    }

    /// @dev Reverts if a rule is broken.
    /// @param holds Whether it is not.
    /// @param rule Which.
    function _require(bool holds, ParamsRule rule) private pure {
        if (!holds) revert Game_BadParams(rule);
    }
}

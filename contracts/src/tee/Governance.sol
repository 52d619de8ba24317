// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernance} from "./IGovernance.sol";

/// @title Governance
/// @notice An owner, and the delay between what it announces and what it does.
/// @dev No proxy, and nothing that judges can be exchanged: the owner chooses what is trusted, never
///      how it is checked.
abstract contract Governance is IGovernance {
    /// @notice No delay is shorter, in seconds.
    uint32 public constant MIN_DELAY = 1 hours;

    /// @notice No delay is longer, in seconds.
    uint32 public constant MAX_DELAY = 30 days;

    /// @notice How long an announced call may still be made after its delay, in seconds.
    uint32 public constant ACTION_LIFE = 14 days;

    uint32 private immutable DELAY;

    address private _owner;
    address private _pendingOwner;

    /// @dev First second of announced calls; zero is "none".
    mapping(bytes32 id => uint64 time) private _readyAt;

    /// @dev Only the owner.
    modifier onlyOwner() {
        _checkOwner();
        _;
    }

    /// @dev Only the owner, and only the very call that was announced, after the delay, once.
    modifier afterDelay() {
        _checkOwner();
        _useSchedule();
        _;
    }

    /// @param firstOwner Not zero.
    /// @param delay_ In seconds.
    constructor(address firstOwner, uint32 delay_) {
        // INVARIANT AR-2: somebody can take trust away.
        if (firstOwner == address(0)) revert Governance_ZeroOwner();

        // INVARIANT AR-3: who relies on the registry has time to look and leave.
        if (delay_ < MIN_DELAY || delay_ > MAX_DELAY) revert Governance_BadDelay(delay_);

        _owner = firstOwner;
        DELAY = delay_;
        emit OwnershipTransferred(address(0), firstOwner);
    }

    /// @inheritdoc IGovernance
    function schedule(bytes calldata action) external onlyOwner returns (bytes32 id) {
        id = keccak256(action);

        // INVARIANT AR-3: announcing again neither shortens nor moves the delay.
        if (_readyAt[id] != 0) revert Governance_AlreadyScheduled(id);

        uint64 time = uint64(block.timestamp) + DELAY;
        _readyAt[id] = time;
        emit ActionScheduled(id, action, time);
    }

    /// @inheritdoc IGovernance
    function cancel(bytes32 id) external onlyOwner {
        // INVARIANT AR-3: each event says something new.
        if (_readyAt[id] == 0) revert Governance_NotScheduled(id);

        delete _readyAt[id];
        emit ActionCancelled(id);
    }

    /// @inheritdoc IGovernance
    function transferOwnership(address newOwner) external afterDelay {
        // INVARIANT AR-2: nobody can accept for the zero address, so it would be stuck.
        if (newOwner == address(0)) revert Governance_ZeroOwner();

        _pendingOwner = newOwner;
        emit OwnershipTransferStarted(_owner, newOwner);
    }

    /// @inheritdoc IGovernance
    function acceptOwnership() external {
        // INVARIANT AR-2: the new owner has shown that it can act.
        if (msg.sender != _pendingOwner) revert Governance_NotPendingOwner(msg.sender);

        address previous = _owner;
        _owner = msg.sender;
        delete _pendingOwner;
        emit OwnershipTransferred(previous, msg.sender);
    }

    /// @inheritdoc IGovernance
    function owner() external view returns (address account) {
        account = _owner;
    }

    /// @inheritdoc IGovernance
    function pendingOwner() external view returns (address account) {
        account = _pendingOwner;
    }

    /// @inheritdoc IGovernance
    function delay() external view returns (uint32 seconds_) {
        seconds_ = DELAY;
    }

    /// @inheritdoc IGovernance
    function readyAt(bytes32 id) external view returns (uint64 time) {
        time = _readyAt[id];
    }

    /// @dev Uses up the announcement of the present call.
    function _useSchedule() private {
        bytes32 id = keccak256(msg.data);
        uint64 time = _readyAt[id];

        // INVARIANT AR-3: what adds trust was announced, all of it, and could be seen for the delay.
        // slither-disable-next-line incorrect-equality
        if (time == 0) revert Governance_NotScheduled(id);
        if (block.timestamp < time) revert Governance_TooEarly(id, time);

        // INVARIANT AR-3: nobody has to remember announcements for ever.
        if (block.timestamp > time + ACTION_LIFE) revert Governance_TooLate(id, time);

        delete _readyAt[id];
        emit ActionExecuted(id);
    }

    /// @dev Reverts for everyone else.
    function _checkOwner() private view {
        // INVARIANT AR-2: only the owner decides what is trusted.
        if (msg.sender != _owner) revert Governance_NotOwner(msg.sender);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title IGovernance
/// @notice An owner who can take trust away at once, and add to it only after all could see it.
/// @dev What adds trust is announced with `schedule`, as the very call that follows after the delay.
interface IGovernance {
    /// @notice The owner announced a call.
    /// @param id keccak256 of the call.
    /// @param action The call: selector and arguments.
    /// @param readyAt First second in which it may be made.
    event ActionScheduled(bytes32 indexed id, bytes action, uint64 readyAt);

    /// @notice An announced call will not be made.
    /// @param id keccak256 of the call.
    event ActionCancelled(bytes32 indexed id);

    /// @notice An announced call was made; what it did is in the next event.
    /// @param id keccak256 of the call.
    event ActionExecuted(bytes32 indexed id);

    /// @notice Another owner was named, who has to accept.
    /// @param owner Who is owner.
    /// @param pendingOwner Who may become it.
    event OwnershipTransferStarted(address indexed owner, address indexed pendingOwner);

    /// @notice The owner changed.
    /// @param previousOwner Who was it; zero at deployment.
    /// @param newOwner Who is it.
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    /// @notice Only the owner may do this.
    /// @param caller Who tried.
    error Governance_NotOwner(address caller);

    /// @notice Only who was named owner may accept.
    /// @param caller Who tried.
    error Governance_NotPendingOwner(address caller);

    /// @notice The owner is somebody.
    error Governance_ZeroOwner();

    /// @notice The delay is too short or too long.
    /// @param delay In seconds.
    error Governance_BadDelay(uint32 delay);

    /// @notice The call was announced already.
    /// @param id keccak256 of the call.
    error Governance_AlreadyScheduled(bytes32 id);

    /// @notice The call was not announced.
    /// @param id keccak256 of the call.
    error Governance_NotScheduled(bytes32 id);

    /// @notice The delay is not over.
    /// @param id keccak256 of the call.
    /// @param readyAt First second in which the call may be made.
    error Governance_TooEarly(bytes32 id, uint64 readyAt);

    /// @notice The call was announced too long ago to be remembered.
    /// @param id keccak256 of the call.
    /// @param readyAt First second in which it could be made.
    error Governance_TooLate(bytes32 id, uint64 readyAt);

    /// @notice Announce a call that adds trust.
    /// @param action The call, byte for byte as it will be made.
    /// @return id keccak256 of the call.
    function schedule(bytes calldata action) external returns (bytes32 id);

    /// @notice Take back an announcement.
    /// @param id keccak256 of a call that was announced.
    function cancel(bytes32 id) external;

    /// @notice Name another owner, after the delay. Nothing changes until it accepts.
    /// @param newOwner Not zero.
    function transferOwnership(address newOwner) external;

    /// @notice Become owner, if named.
    function acceptOwnership() external;

    /// @notice Who decides what is trusted.
    /// @return account Its address.
    function owner() external view returns (address account);

    /// @notice Who may become owner.
    /// @return account Its address; zero if nobody.
    function pendingOwner() external view returns (address account);

    /// @notice How long an announced call has to wait.
    /// @return seconds_ From announcement to call.
    function delay() external view returns (uint32 seconds_);

    /// @notice When an announced call may be made.
    /// @param id keccak256 of the call.
    /// @return time First second; zero if it is not announced.
    function readyAt(bytes32 id) external view returns (uint64 time);
}

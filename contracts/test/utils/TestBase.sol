// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @notice The cheatcodes of forge that our tests use.
interface Vm {
    function addr(uint256 privateKey) external pure returns (address);
    function assertEq(bool left, bool right, string calldata what) external pure;
    function assertEq(uint256 left, uint256 right, string calldata what) external pure;
    function assertEq(address left, address right, string calldata what) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata what) external pure;
    function assertEq(string calldata left, string calldata right, string calldata what)
        external
        pure;
    function assertEq(bytes calldata left, bytes calldata right, string calldata what) external pure;
    function assertTrue(bool condition, string calldata what) external pure;
    function assume(bool condition) external pure;
    function envOr(string calldata name, string calldata otherwise)
        external
        view
        returns (string memory);
    function expectEmit(address emitter) external;
    function expectRevert(bytes calldata data) external;
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonAddress(string calldata json, string calldata key)
        external
        pure
        returns (address);
    function parseJsonBytes(string calldata json, string calldata key)
        external
        pure
        returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key)
        external
        pure
        returns (bytes32);
    function parseJsonBytes32Array(string calldata json, string calldata key)
        external
        pure
        returns (bytes32[] memory);
    function parseJsonInt(string calldata json, string calldata key) external pure returns (int256);
    function parseJsonIntArray(string calldata json, string calldata key)
        external
        pure
        returns (int256[] memory);
    function parseJsonString(string calldata json, string calldata key)
        external
        pure
        returns (string memory);
    function parseJsonUint(string calldata json, string calldata key)
        external
        pure
        returns (uint256);
    function pauseGasMetering() external;
    function prank(address sender) external;
    function publicKeyP256(uint256 privateKey) external pure returns (uint256 x, uint256 y);
    function readFile(string calldata path) external view returns (string memory);
    function resumeGasMetering() external;
    function roll(uint256 number) external;
    function signP256(uint256 privateKey, bytes32 digest)
        external
        pure
        returns (bytes32 r, bytes32 s);
    function snapshotGasLastCall(string calldata group, string calldata name)
        external
        returns (uint256);
    function toString(uint256 value) external pure returns (string memory);
}

/// @notice Base of all tests. Ours, because the copy of forge-std on npm is unofficial and old.
abstract contract TestBase {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev Contracts whose functions an invariant test calls at random.
    address[] private _targets;

    /// @notice forge asks for the contracts to call.
    function targetContracts() external view returns (address[] memory) {
        return _targets;
    }

    function _target(address target) internal {
        _targets.push(target);
    }

    /// @dev `value` folded into [lo, hi].
    function _bound(uint256 value, uint256 lo, uint256 hi) internal pure returns (uint256) {
        return lo + value % (hi - lo + 1);
    }
}

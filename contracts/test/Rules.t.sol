// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {TestBase} from "./utils/TestBase.sol";

/// @notice The tests run under the rules that they are said to run under.
contract Rules_Test is TestBase {
    address private constant P256_VERIFY = address(0x100);

    function test_rules_p256OnlySinceOsaka_succeeds() external view {
        bytes32 digest = keccak256("message");
        (uint256 x, uint256 y) = vm.publicKeyP256(7);
        (bytes32 r, bytes32 s) = vm.signP256(7, digest);
        (, bytes memory answer) = P256_VERIFY.staticcall(abi.encode(digest, r, s, x, y));

        string memory rules = vm.envOr("FOUNDRY_HARDFORK", "cancun");
        bool osaka = keccak256(bytes(rules)) == keccak256("osaka");
        vm.assertEq(answer, osaka ? abi.encode(1) : bytes(""), "rules");
    }
}

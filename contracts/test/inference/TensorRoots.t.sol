// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {TensorRoots} from "../../src/inference/TensorRoots.sol";
import {Commitments} from "../../src/optimistic/Commitments.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice Gives the library's functions calldata.
contract TensorRootsHarness {
    function rootOf(bytes calldata data, uint8 leafLog2) external pure returns (bytes32) {
        return TensorRoots.rootOf(data, leafLog2);
    }

    function rootOfAll(bytes32[] memory roots) external pure returns (bytes32) {
        return TensorRoots.rootOfAll(roots);
    }
}

/// @notice Roots over whole tensors are those that the Python side computes.
contract TensorRoots_Test is TestBase {
    TensorRootsHarness private _harness;
    string private _json;

    function setUp() public {
        vm.pauseGasMetering(); // the vectors are longer than a transaction could store
        _harness = new TensorRootsHarness();
        _json = vm.readFile("../tests/vectors/commitments.json");
    }

    function test_rootOf_vectors_succeeds() external view {
        uint256 checked = 0;
        uint256 several = 0;
        for (uint256 i = 0;; ++i) {
            string memory tensor = string.concat(".tensors[", vm.toString(i), "]");
            if (!vm.keyExistsJson(_json, tensor)) break;
            bytes memory data = vm.parseJsonBytes(_json, string.concat(tensor, ".packed"));
            uint8 leafLog2 = uint8(vm.parseJsonUint(_json, string.concat(tensor, ".leaf_log2")));
            bytes32 root = vm.parseJsonBytes32(_json, string.concat(tensor, ".root"));
            vm.assertEq(_harness.rootOf(data, leafLog2), root, tensor);
            if (data.length > 2 << leafLog2) ++several;
            ++checked;
        }
        vm.assertTrue(checked > 10 && several > 2, "few vectors");
    }

    function test_rootOfAll_succeeds() external view {
        bytes32[] memory roots = new bytes32[](3);
        (roots[0], roots[1], roots[2]) = (keccak256("a"), keccak256("b"), keccak256("c"));
        bytes32[3] memory rows;
        for (uint32 i = 0; i < 3; ++i) {
            rows[i] = keccak256(bytes.concat(hex"03", bytes4(i), roots[i]));
        }
        bytes32 left = keccak256(bytes.concat(hex"01", rows[0], rows[1]));
        bytes32 right = keccak256(bytes.concat(hex"01", rows[2], bytes32(0)));
        bytes32 root = keccak256(bytes.concat(hex"01", left, right));
        vm.assertEq(_harness.rootOfAll(roots), root, "three");
        bytes32[] memory single = new bytes32[](1);
        single[0] = roots[1];
        vm.assertEq(_harness.rootOfAll(single), roots[1], "one");
    }

    /// @dev Two ways to one root: leaf by leaf here, by branches as the dispute game does.
    function testFuzz_rootOf_branch_succeeds(bytes calldata data, uint256 seed) external view {
        uint256 leaves = data.length == 0 ? 1 : (data.length - 1) / 32 + 1;
        bytes32[] memory level = new bytes32[](1 << Commitments.treeHeight(leaves));
        for (uint256 i = 0; i < level.length; ++i) {
            bytes32 word = 32 * i < data.length ? bytes32(data[32 * i:]) : bytes32(0);
            level[i] = keccak256(bytes.concat(hex"00", word));
        }
        vm.assertEq(_harness.rootOf(data, 5), Commitments.rootFromLevel(level), "root");
        if (data.length == 0) return;
        bytes memory other = data;
        other[seed % data.length] ^= 0x01;
        vm.assertTrue(_harness.rootOf(other, 5) != _harness.rootOf(data, 5), "one bit");
    }
}

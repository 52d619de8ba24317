// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Commitments} from "../../src/optimistic/Commitments.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice Gives the library's functions calldata.
contract CommitmentsHarness {
    function dataLeaf(bytes calldata data) external pure returns (bytes32) {
        return Commitments.dataLeaf(data);
    }

    function nodeLeaf(bytes calldata desc) external pure returns (bytes32) {
        return Commitments.nodeLeaf(desc);
    }

    function branch(bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata siblings)
        external
        pure
        returns (bytes32)
    {
        return Commitments.rootFromBranch(leaf, index, count, siblings);
    }

    function path(bytes32 leaf, uint256 index, uint256 height, bytes32[] calldata siblings)
        external
        pure
        returns (bytes32)
    {
        return Commitments.rootFromPath(leaf, index, height, siblings);
    }

    function named(uint32 id, bytes32 root, bytes32[] calldata siblings)
        external
        pure
        returns (bytes32)
    {
        return Commitments.rootFromNamed(id, root, siblings);
    }

    function level(bytes32[] calldata nodes) external pure returns (bytes32) {
        return Commitments.rootFromLevel(nodes);
    }

    function run(
        bytes32[] calldata leaves,
        uint256 first,
        uint256 height,
        bytes32[] calldata siblings
    ) external pure returns (bytes32) {
        return Commitments.rootFromRun(leaves, first, height, siblings);
    }
}

contract Commitments_Test is TestBase {
    CommitmentsHarness private harness;
    string private json;

    function setUp() public {
        vm.pauseGasMetering(); // the vectors are longer than a transaction could store
        harness = new CommitmentsHarness();
        json = vm.readFile("../tests/vectors/commitments.json");
    }

    function test_vectors_tensorBranches_succeeds() external view {
        uint256 checked = 0;
        for (uint256 i = 0; _has(string.concat(".tensors[", vm.toString(i), "]")); ++i) {
            string memory tensor = string.concat(".tensors[", vm.toString(i), "]");
            uint256 leafLog2 = vm.parseJsonUint(json, string.concat(tensor, ".leaf_log2"));
            uint256 size = vm.parseJsonBytes(json, string.concat(tensor, ".packed")).length;
            uint256 leaves = size == 0 ? 1 : ((size - 1) >> leafLog2) + 1;
            bytes32 root = vm.parseJsonBytes32(json, string.concat(tensor, ".root"));
            for (uint256 k = 0; k < leaves; ++k) {
                string memory place = string.concat(tensor, ".branches[", vm.toString(k), "]");
                if (!_has(place)) break;
                bytes32 leaf =
                    harness.dataLeaf(vm.parseJsonBytes(json, string.concat(place, ".leaf")));
                uint256 index = vm.parseJsonUint(json, string.concat(place, ".index"));
                bytes32[] memory siblings =
                    vm.parseJsonBytes32Array(json, string.concat(place, ".siblings"));
                vm.assertEq(harness.branch(leaf, index, leaves, siblings), root, place);
                ++checked;
            }
        }
        vm.assertTrue(checked > 15, "too few branches");
    }

    function test_vectors_trees_succeeds() external view {
        uint256 checked = 0;
        for (uint256 i = 1; _has(string.concat(".trees[", vm.toString(i), "]")); ++i) {
            string memory tree = string.concat(".trees[", vm.toString(i), "]");
            bytes32[] memory leaves = vm.parseJsonBytes32Array(json, string.concat(tree, ".leaves"));
            bytes32 filler = vm.parseJsonBytes32(json, string.concat(tree, ".filler"));
            bytes32 root = vm.parseJsonBytes32(json, string.concat(tree, ".root"));
            uint256 height = Commitments.treeHeight(leaves.length);
            bytes32[] memory full = new bytes32[](1 << height);
            for (uint256 k = 0; k < full.length; ++k) {
                full[k] = k < leaves.length ? leaves[k] : filler;
            }
            vm.assertEq(harness.level(full), root, tree);
            for (uint256 k = 0; k < leaves.length; ++k) {
                string memory place = string.concat(tree, ".branches[", vm.toString(k), "]");
                if (!_has(place)) break;
                uint256 index = vm.parseJsonUint(json, string.concat(place, ".index"));
                bytes32[] memory siblings =
                    vm.parseJsonBytes32Array(json, string.concat(place, ".siblings"));
                vm.assertEq(
                    harness.branch(leaves[index], index, leaves.length, siblings), root, place
                );
                ++checked;
            }
        }
        vm.assertTrue(checked > 10, "too few branches");
    }

    function test_vectors_traces_succeeds() external view {
        for (uint256 i = 0; i < 2; ++i) {
            string memory trace = string.concat(".traces[", vm.toString(i), "]");
            bytes32[] memory roots =
                vm.parseJsonBytes32Array(json, string.concat(trace, ".tensor_roots"));
            bytes32[] memory full = new bytes32[](1 << Commitments.treeHeight(roots.length));
            for (uint256 k = 0; k < roots.length; ++k) {
                full[k] = Commitments.traceLeaf(uint32(k), roots[k]);
            }
            bytes32 root = vm.parseJsonBytes32(json, string.concat(trace, ".trace_root"));
            vm.assertEq(harness.level(full), root, trace);
        }
    }

    function test_vectors_programs_succeeds() external view {
        for (uint256 i = 0; i < 6; ++i) {
            string memory program = string.concat(".programs[", vm.toString(i), "]");
            string memory header = string.concat(program, ".header");
            bytes32 graph = vm.parseJsonBytes32(json, string.concat(header, ".graph_root"));
            bytes32 found = Commitments.programRoot(
                1,
                uint8(vm.parseJsonUint(json, string.concat(header, ".leaf_log2"))),
                graph,
                vm.parseJsonBytes32(json, string.concat(header, ".weights_root")),
                vm.parseJsonBytes32(json, string.concat(header, ".tables_root")),
                vm.parseJsonBytes32(json, string.concat(program, ".schema_hash"))
            );
            bytes32 root = vm.parseJsonBytes32(json, string.concat(program, ".program_root"));
            vm.assertEq(found, root, program);
            vm.assertEq(_graphRoot(program), graph, "graph root");
        }
    }

    function test_vectors_statements_succeeds() external view {
        for (uint256 i = 0; i < 3; ++i) {
            string memory statement = string.concat(".statements[", vm.toString(i), "]");
            bytes32 digest = Commitments.statementDigest(
                vm.parseJsonBytes32(json, string.concat(statement, ".program_root")),
                vm.parseJsonBytes32(json, string.concat(statement, ".input_root")),
                vm.parseJsonBytes32(json, string.concat(statement, ".output_root")),
                vm.parseJsonBytes32(json, string.concat(statement, ".context"))
            );
            bytes32 expected = vm.parseJsonBytes32(json, string.concat(statement, ".digest"));
            vm.assertEq(digest, expected, statement);
        }
    }

    function test_treeHeight_edges_succeeds() external pure {
        uint16[9] memory counts = [0, 1, 2, 3, 4, 5, 8, 9, 1024];
        uint8[9] memory heights = [0, 0, 1, 2, 2, 3, 3, 4, 10];
        for (uint256 i = 0; i < counts.length; ++i) {
            vm.assertEq(Commitments.treeHeight(counts[i]), heights[i], "height");
        }
    }

    function test_rootFromBranch_OP5_length_reverts() external {
        bytes32[] memory siblings = new bytes32[](2);
        for (uint256 height = 0; height < 5; ++height) {
            if (height == 2) continue;
            vm.expectRevert(
                abi.encodeWithSelector(Commitments.Commitments_BranchLength.selector, 2, height)
            );
            harness.path(bytes32(0), 0, height, siblings);
        }
        vm.expectRevert(abi.encodeWithSelector(Commitments.Commitments_BranchLength.selector, 2, 3));
        harness.branch(bytes32(0), 0, 5, siblings);
    }

    function test_rootFromBranch_OP6_index_reverts() external {
        bytes32[] memory siblings = new bytes32[](2);
        vm.expectRevert(
            abi.encodeWithSelector(Commitments.Commitments_IndexOutOfTree.selector, 3, 3)
        );
        harness.branch(bytes32(0), 3, 3, siblings);
        vm.expectRevert(
            abi.encodeWithSelector(Commitments.Commitments_IndexOutOfTree.selector, 4, 4)
        );
        harness.path(bytes32(0), 4, 2, siblings);
    }

    function test_rootFromNamed_longOrBesideTheTree_reverts() external {
        bytes32[] memory siblings = new bytes32[](33);
        vm.expectRevert(
            abi.encodeWithSelector(Commitments.Commitments_BranchLength.selector, 33, 32)
        );
        harness.named(0, bytes32(0), siblings);
        siblings = new bytes32[](1);
        vm.expectRevert(
            abi.encodeWithSelector(Commitments.Commitments_IndexOutOfTree.selector, 2, 2)
        );
        harness.named(2, bytes32(0), siblings);
    }

    function test_rootFromLevel_size_reverts() external {
        for (uint256 count = 0; count < 8; ++count) {
            if (count == 1 || count == 2 || count == 4) continue;
            vm.expectRevert(
                abi.encodeWithSelector(Commitments.Commitments_NotAPowerOfTwo.selector, count)
            );
            harness.level(new bytes32[](count));
        }
    }

    /// @dev Every run of a tree leads to its root, and with one sibling more or less to none.
    function testFuzz_rootFromRun_succeeds(uint256 seed, uint256 leafCount, uint256 first)
        external
    {
        uint256 height = Commitments.treeHeight(_bound(leafCount, 1, 33));
        bytes32[] memory full = new bytes32[](1 << height);
        for (uint256 i = 0; i < full.length; ++i) {
            full[i] = keccak256(abi.encode(seed, i));
        }
        bytes32 root = harness.level(full);
        first = _bound(first, 0, full.length - 1);
        uint256 count = _bound(seed, 1, full.length - first);
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = full[first + i];
        }
        bytes32[] memory siblings = _rangeProof(full, first, count);
        vm.assertEq(harness.run(leaves, first, height, siblings), root, "root");

        bytes32[] memory longer = new bytes32[](siblings.length + 1);
        for (uint256 i = 0; i < siblings.length; ++i) {
            longer[i] = siblings[i];
        }
        vm.expectRevert(
            abi.encodeWithSelector(
                Commitments.Commitments_BranchLength.selector, longer.length, siblings.length
            )
        );
        harness.run(leaves, first, height, longer);
        if (siblings.length == 0) return;
        vm.expectRevert(
            abi.encodeWithSelector(
                Commitments.Commitments_BranchLength.selector, siblings.length - 1, siblings.length
            )
        );
        harness.run(leaves, first, height, _without(siblings));
    }

    /// @dev A branch is a run of one leaf.
    function testFuzz_rootFromRun_oneLeafIsABranch_succeeds(
        bytes32 leaf,
        uint256 index,
        uint256 height,
        uint256 seed
    ) external view {
        height = _bound(height, 0, 20);
        index = _bound(index, 0, (1 << height) - 1);
        bytes32[] memory siblings = new bytes32[](height);
        for (uint256 i = 0; i < height; ++i) {
            siblings[i] = keccak256(abi.encode(seed, i));
        }
        bytes32[] memory leaves = new bytes32[](1);
        leaves[0] = leaf;
        vm.assertEq(
            harness.run(leaves, index, height, siblings),
            harness.path(leaf, index, height, siblings),
            "root"
        );
    }

    /// @dev The range proof of a run, written another way than the contract reads it.
    function _rangeProof(bytes32[] memory level, uint256 first, uint256 count)
        private
        pure
        returns (bytes32[] memory siblings)
    {
        bytes32[] memory buffer = new bytes32[](64);
        uint256 used = 0;
        uint256 last = first + count - 1;
        while (level.length > 1) {
            if (first % 2 == 1) buffer[used++] = level[first - 1];
            if (last % 2 == 0) buffer[used++] = level[last + 1];
            bytes32[] memory parents = new bytes32[](level.length / 2);
            for (uint256 i = 0; i < parents.length; ++i) {
                parents[i] = keccak256(bytes.concat(hex"01", level[2 * i], level[2 * i + 1]));
            }
            (level, first, last) = (parents, first / 2, last / 2);
        }
        siblings = new bytes32[](used);
        for (uint256 i = 0; i < used; ++i) {
            siblings[i] = buffer[i];
        }
    }

    function _without(bytes32[] memory items) private pure returns (bytes32[] memory shorter) {
        shorter = new bytes32[](items.length - 1);
        for (uint256 i = 0; i < shorter.length; ++i) {
            shorter[i] = items[i];
        }
    }

    function _graphRoot(string memory program) private view returns (bytes32) {
        uint256 count = 0;
        while (_has(string.concat(program, ".nodes[", vm.toString(count), "]"))) ++count;
        bytes32[] memory full = new bytes32[](1 << Commitments.treeHeight(count));
        for (uint256 k = 0; k < count; ++k) {
            string memory place = string.concat(program, ".nodes[", vm.toString(k), "].desc");
            full[k] = harness.nodeLeaf(vm.parseJsonBytes(json, place));
        }
        return harness.level(full);
    }

    function _has(string memory key) private view returns (bool) {
        return vm.keyExistsJson(json, key);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {RegistryKit} from "./utils/RegistryKit.sol";

/// @notice The contract agrees with the library on real programs: `tests/vectors/registry.json`.
contract ModelRegistry_Vectors_Test is RegistryKit {
    function test_vectors_records_succeeds() external {
        string memory json = _read();
        uint256 count = 0;
        while (vm.keyExistsJson(json, _record(count, ""))) {
            _check(json, count);
            ++count;
        }
        vm.assertEq(count, 6, "number of vectors");
    }

    function test_vectors_selectors_succeeds() external view {
        string memory json = _read();
        uint256 count = 0;
        for (; vm.keyExistsJson(json, _backend(count, "")); ++count) {
            string memory id = vm.parseJsonString(json, _backend(count, ".id"));
            bytes memory selector = vm.parseJsonBytes(json, _backend(count, ".selector"));
            vm.assertEq(selector, bytes.concat(bytes4(keccak256(bytes(id)))), id);
        }
        vm.assertEq(count, 4, "number of vectors");
    }

    function _check(string memory json, uint256 index) private {
        IModelRegistry.Program memory program = IModelRegistry.Program({
            specVersion: uint16(vm.parseJsonUint(json, _record(index, ".spec_version"))),
            leafLog2: uint8(vm.parseJsonUint(json, _record(index, ".leaf_log2"))),
            graphRoot: vm.parseJsonBytes32(json, _record(index, ".graph_root")),
            weightsRoot: vm.parseJsonBytes32(json, _record(index, ".weights_root")),
            tablesRoot: vm.parseJsonBytes32(json, _record(index, ".tables_root")),
            schema: vm.parseJsonBytes(json, _record(index, ".schema"))
        });
        address registrant = vm.parseJsonAddress(json, _record(index, ".registrant"));
        string memory name = vm.parseJsonString(json, _record(index, ".name"));

        vm.prank(registrant);
        bytes32 recordId = registry.registerModel(program, _noKeys(), false, "");
        IModelRegistry.Record memory record = registry.recordOf(recordId);
        vm.assertEq(recordId, vm.parseJsonBytes32(json, _record(index, ".record_id")), name);
        vm.assertEq(
            record.programRoot, vm.parseJsonBytes32(json, _record(index, ".program_root")), name
        );
        vm.assertEq(
            record.schemaHash, vm.parseJsonBytes32(json, _record(index, ".schema_hash")), name
        );
    }

    /// @dev Read by each test: in storage the text would cost more than a block's gas.
    function _read() private view returns (string memory) {
        return vm.readFile("../tests/vectors/registry.json");
    }

    function _record(uint256 index, string memory key) private pure returns (string memory) {
        return string.concat(".records[", vm.toString(index), "]", key);
    }

    function _backend(uint256 index, string memory key) private pure returns (string memory) {
        return string.concat(".backends[", vm.toString(index), "]", key);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {RegistryKit} from "./utils/RegistryKit.sol";

/// @notice What a transaction of each kind costs, as `snapshots/ModelRegistry.json` records.
/// @dev Each call is a transaction of its own, with its intrinsic gas and cold storage. The sample
///      is the smallest real program of `tests/vectors/registry.json`.
/// forge-config: default.isolate = true
/// forge-config: thorough.isolate = true
contract ModelRegistry_Gas_Test is RegistryKit {
    IModelRegistry.Program private _real;

    function setUp() public override {
        super.setUp();
        string memory json = vm.readFile("../tests/vectors/registry.json");
        _real = _program();
        _real.schema = vm.parseJsonBytes(json, ".records[1].schema");
    }

    function test_gas_registerModel_succeeds() external {
        IModelRegistry.Program memory program = _real;
        vm.prank(ALICE);
        registry.registerModel(program, _noKeys(), false, "");
        _snapshot("registerModel, no key, no URI");
        vm.prank(MALLORY);
        registry.registerModel(program, _keys(GKR, KEY, EZKL, OTHER_KEY), true, URI);
        _snapshot("registerModel, two keys, URI, frozen");
    }

    function test_gas_changes_succeeds() external {
        bytes32 recordId = _registered();
        vm.prank(ALICE);
        registry.addBackend(recordId, GKR, KEY);
        _snapshot("addBackend");
        vm.prank(ALICE);
        registry.setMetadataURI(recordId, "ipfs://elsewhere");
        _snapshot("setMetadataURI");
        vm.prank(ALICE);
        registry.freeze(recordId);
        _snapshot("freeze");
        vm.prank(ALICE);
        registry.deprecate(recordId, bytes32(0));
        _snapshot("deprecate");
    }

    function _snapshot(string memory name) private {
        vm.assertTrue(vm.snapshotGasLastCall("ModelRegistry", name) > 21_000, "not isolated");
    }
}

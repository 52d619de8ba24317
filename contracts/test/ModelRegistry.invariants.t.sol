// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {RegistryHandler} from "./utils/RegistryHandler.sol";
import {RegistryKit} from "./utils/RegistryKit.sol";

contract ModelRegistry_Invariants_Test is RegistryKit {
    RegistryHandler private _handler;

    function setUp() public override {
        super.setUp();
        _handler = new RegistryHandler(registry);
        _target(address(_handler));
    }

    function invariant_keyOnceSetNeverChanges() external view {
        bytes32[] memory ids = _handler.ids();
        for (uint256 i = 0; i < ids.length; ++i) {
            vm.assertTrue(_handler.keysStand(ids[i]), "a key changed");
        }
    }

    function invariant_frozenStaysFrozenWithItsKeys() external view {
        bytes32[] memory ids = _handler.ids();
        for (uint256 i = 0; i < ids.length; ++i) {
            if (!_handler.wasFrozen(ids[i])) continue;
            vm.assertTrue(registry.recordOf(ids[i]).frozen, "thawed");
            vm.assertEq(_handler.keysOf(ids[i]), _handler.keysWhenFrozen(ids[i]), "keys grew");
        }
    }

    function invariant_deprecatedStaysDeprecated() external view {
        bytes32[] memory ids = _handler.ids();
        for (uint256 i = 0; i < ids.length; ++i) {
            if (!_handler.wasDeprecated(ids[i])) continue;
            vm.assertTrue(registry.recordOf(ids[i]).deprecated, "recommended again");
            vm.assertEq(registry.successorOf(ids[i]), _handler.firstSuccessor(ids[i]), "successor");
        }
    }

    function invariant_whatWasRegisteredNeverChanges() external view {
        bytes32[] memory ids = _handler.ids();
        for (uint256 i = 0; i < ids.length; ++i) {
            IModelRegistry.Record memory now_ = registry.recordOf(ids[i]);
            IModelRegistry.Record memory first = _handler.first(ids[i]);
            first.frozen = now_.frozen;
            first.deprecated = now_.deprecated;
            vm.assertEq(keccak256(abi.encode(now_)), keccak256(abi.encode(first)), "record");
        }
    }

    function invariant_nameIsOfRegistrantAndProgram() external view {
        bytes32[] memory ids = _handler.ids();
        for (uint256 i = 0; i < ids.length; ++i) {
            IModelRegistry.Record memory record = registry.recordOf(ids[i]);
            vm.assertEq(ids[i], _idOf(record.registrant, record.programRoot), "recordId");
        }
    }

    function invariant_onlyTheRegistrantChangesARecord() external view {
        vm.assertEq(_handler.strangersSucceeded(), 0, "strangers");
    }

    /// @notice forge calls this at the end of each run: the run must have meant something.
    function afterInvariant() external view {
        vm.assertTrue(_handler.registrations() >= 3, "too few records");
        vm.assertTrue(_handler.changes() >= 3, "too few changes");
        vm.assertTrue(_handler.refusals() >= 10, "too few refusals");
    }
}

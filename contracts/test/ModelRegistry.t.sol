// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {RegistryKit} from "./utils/RegistryKit.sol";

contract ModelRegistry_registerModel_Test is RegistryKit {
    function test_registerModel_storesWhatWasRegistered_succeeds() external {
        vm.roll(4711);
        bytes32 recordId = _registered();

        IModelRegistry.Record memory record = registry.recordOf(recordId);
        IModelRegistry.Program memory program = _program();
        vm.assertEq(record.registrant, ALICE, "registrant");
        vm.assertEq(uint256(record.registeredAt), 4711, "registeredAt");
        vm.assertEq(uint256(record.specVersion), 1, "specVersion");
        vm.assertEq(uint256(record.leafLog2), 10, "leafLog2");
        vm.assertEq(record.frozen, false, "frozen");
        vm.assertEq(record.deprecated, false, "deprecated");
        vm.assertEq(record.programRoot, _rootOf(program), "programRoot");
        vm.assertEq(record.graphRoot, program.graphRoot, "graphRoot");
        vm.assertEq(record.weightsRoot, program.weightsRoot, "weightsRoot");
        vm.assertEq(record.tablesRoot, program.tablesRoot, "tablesRoot");
        vm.assertEq(record.schemaHash, _schemaHash(program), "schemaHash");
        vm.assertEq(registry.uriOf(recordId), URI, "uri");
        vm.assertEq(registry.programOf(recordId), record.programRoot, "programOf");
        vm.assertEq(registry.successorOf(recordId), bytes32(0), "successor");
    }

    function test_registerModel_MR1_hashesAreOfThePreimages_succeeds() external {
        bytes32 recordId = _registered();
        vm.assertEq(recordId, _idOf(ALICE, _rootOf(_program())), "recordId");
    }

    function test_registerModel_emits_succeeds() external {
        bytes32 root = _rootOf(_program());
        bytes32 recordId = _idOf(ALICE, root);
        IModelRegistry.BackendKey[] memory keys = _keys(GKR, KEY, EZKL, OTHER_KEY);

        vm.expectEmit(address(registry));
        emit IModelRegistry.ModelRegistered(recordId, ALICE, root, _program(), URI);
        vm.expectEmit(address(registry));
        emit IModelRegistry.BackendAdded(recordId, GKR, KEY);
        vm.expectEmit(address(registry));
        emit IModelRegistry.BackendAdded(recordId, EZKL, OTHER_KEY);
        vm.expectEmit(address(registry));
        emit IModelRegistry.RecordFrozen(recordId);
        vm.prank(ALICE);
        registry.registerModel(_program(), keys, true, URI);

        vm.assertEq(registry.keyOf(recordId, GKR), KEY, "first key");
        vm.assertEq(registry.keyOf(recordId, EZKL), OTHER_KEY, "second key");
        vm.assertEq(registry.recordOf(recordId).frozen, true, "frozen");
    }

    function test_registerModel_MR2_twice_reverts() external {
        bytes32 recordId = _registered();
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.ModelRegistry_AlreadyRegistered.selector, recordId
            )
        );
        vm.prank(ALICE);
        registry.registerModel(_program(), _keys(GKR, KEY), true, "another");
    }

    function test_registerModel_MR2_squatterGetsAnotherName_succeeds() external {
        vm.prank(MALLORY);
        bytes32 squatted = registry.registerModel(_program(), _keys(GKR, OTHER_KEY), true, "");
        bytes32 recordId = _registered();

        vm.assertTrue(squatted != recordId, "one name for two registrants");
        vm.assertEq(registry.recordOf(recordId).registrant, ALICE, "registrant");
        vm.assertEq(registry.keyOf(recordId, GKR), bytes32(0), "the squatter's key");
        vm.assertEq(registry.recordOf(recordId).frozen, false, "frozen by the squatter");
    }

    function test_registerModel_MR5_zeroKey_reverts() external {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_ZeroKey.selector, EZKL));
        vm.prank(ALICE);
        registry.registerModel(_program(), _keys(GKR, KEY, EZKL, bytes32(0)), false, URI);
        vm.assertEq(registry.exists(_idOf(ALICE, _rootOf(_program()))), false, "half a record");
    }

    function test_registerModel_MR6_sameBackendTwice_reverts() external {
        bytes32 recordId = _idOf(ALICE, _rootOf(_program()));
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.ModelRegistry_KeyAlreadySet.selector, recordId, GKR, KEY
            )
        );
        vm.prank(ALICE);
        registry.registerModel(_program(), _keys(GKR, KEY, GKR, OTHER_KEY), false, URI);
    }

    function testFuzz_registerModel_MR1_anyProgram_succeeds(
        address registrant,
        IModelRegistry.Program calldata program,
        string calldata uri
    ) external {
        vm.assume(registrant != address(0));
        vm.prank(registrant);
        bytes32 recordId = registry.registerModel(program, _noKeys(), false, uri);

        IModelRegistry.Record memory record = registry.recordOf(recordId);
        vm.assertEq(record.programRoot, _rootOf(program), "programRoot");
        vm.assertEq(record.schemaHash, _schemaHash(program), "schemaHash");
        vm.assertEq(recordId, _idOf(registrant, _rootOf(program)), "recordId");
        vm.assertEq(registry.uriOf(recordId), uri, "uri");
    }

    /// @dev One bit anywhere in the preimage leads to another record.
    function testFuzz_registerModel_MR1_oneBit_succeeds(uint256 field, uint256 bit) external {
        bytes32 recordId = _registered();
        IModelRegistry.Program memory program = _program();
        bytes32 mask = bytes32(uint256(1) << _bound(bit, 0, 255));
        field = _bound(field, 0, 5);
        if (field == 0) program.specVersion ^= uint16(1 << _bound(bit, 0, 15));
        if (field == 1) program.leafLog2 ^= uint8(1 << _bound(bit, 0, 7));
        if (field == 2) program.graphRoot ^= mask;
        if (field == 3) program.weightsRoot ^= mask;
        if (field == 4) program.tablesRoot ^= mask;
        if (field == 5) {
            uint256 place = _bound(bit, 0, 8 * program.schema.length - 1);
            program.schema[place / 8] ^= bytes1(uint8(1 << (place % 8)));
        }
        vm.prank(ALICE);
        vm.assertTrue(
            registry.registerModel(program, _noKeys(), false, URI) != recordId, "same record"
        );
    }
}

contract ModelRegistry_addBackend_Test is RegistryKit {
    function test_addBackend_succeeds() external {
        bytes32 recordId = _registered();
        vm.expectEmit(address(registry));
        emit IModelRegistry.BackendAdded(recordId, GKR, KEY);
        vm.prank(ALICE);
        registry.addBackend(recordId, GKR, KEY);
        vm.assertEq(registry.keyOf(recordId, GKR), KEY, "key");
        vm.assertEq(registry.keyOf(recordId, EZKL), bytes32(0), "another backend's key");
    }

    function test_addBackend_afterDeprecate_succeeds() external {
        bytes32 recordId = _registered();
        vm.prank(ALICE);
        registry.deprecate(recordId, bytes32(0));
        vm.prank(ALICE);
        registry.addBackend(recordId, GKR, KEY);
        vm.assertEq(registry.keyOf(recordId, GKR), KEY, "key");
    }

    function test_addBackend_MR3_stranger_reverts() external {
        bytes32 recordId = _registered();
        _expectNotRegistrant(recordId, MALLORY);
        vm.prank(MALLORY);
        registry.addBackend(recordId, GKR, KEY);
    }

    function test_addBackend_MR4_frozen_reverts() external {
        bytes32 recordId = _frozen();
        _expectFrozen(recordId);
        vm.prank(ALICE);
        registry.addBackend(recordId, EZKL, KEY);
    }

    function test_addBackend_MR5_zeroKey_reverts() external {
        bytes32 recordId = _registered();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_ZeroKey.selector, GKR));
        vm.prank(ALICE);
        registry.addBackend(recordId, GKR, bytes32(0));
    }

    function test_addBackend_MR9_unknown_reverts() external {
        _expectUnknown(UNKNOWN);
        vm.prank(ALICE);
        registry.addBackend(UNKNOWN, GKR, KEY);
    }

    function testFuzz_addBackend_MR6_twice_reverts(bytes4 backend, bytes32 first, bytes32 second)
        external
    {
        vm.assume(first != bytes32(0) && second != bytes32(0));
        bytes32 recordId = _registered();
        vm.prank(ALICE);
        registry.addBackend(recordId, backend, first);
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.ModelRegistry_KeyAlreadySet.selector, recordId, backend, first
            )
        );
        vm.prank(ALICE);
        registry.addBackend(recordId, backend, second);
        vm.assertEq(registry.keyOf(recordId, backend), first, "key");
    }
}

contract ModelRegistry_freeze_Test is RegistryKit {
    function test_freeze_succeeds() external {
        bytes32 recordId = _registered();
        vm.expectEmit(address(registry));
        emit IModelRegistry.RecordFrozen(recordId);
        vm.prank(ALICE);
        registry.freeze(recordId);
        vm.assertEq(registry.recordOf(recordId).frozen, true, "frozen");
        vm.assertEq(registry.recordOf(recordId).deprecated, false, "deprecated");
    }

    function test_freeze_MR3_stranger_reverts() external {
        bytes32 recordId = _registered();
        _expectNotRegistrant(recordId, MALLORY);
        vm.prank(MALLORY);
        registry.freeze(recordId);
    }

    function test_freeze_MR4_twice_reverts() external {
        bytes32 recordId = _frozen();
        _expectFrozen(recordId);
        vm.prank(ALICE);
        registry.freeze(recordId);
    }

    function test_freeze_MR9_unknown_reverts() external {
        _expectUnknown(UNKNOWN);
        vm.prank(ALICE);
        registry.freeze(UNKNOWN);
    }
}

contract ModelRegistry_deprecate_Test is RegistryKit {
    function test_deprecate_withoutSuccessor_succeeds() external {
        bytes32 recordId = _frozen();
        vm.expectEmit(address(registry));
        emit IModelRegistry.RecordDeprecated(recordId, bytes32(0));
        vm.prank(ALICE);
        registry.deprecate(recordId, bytes32(0));
        vm.assertEq(registry.recordOf(recordId).deprecated, true, "deprecated");
        vm.assertEq(registry.recordOf(recordId).frozen, true, "frozen");
        vm.assertEq(registry.keyOf(recordId, GKR), KEY, "key");
    }

    function test_deprecate_withSuccessorOfAnother_succeeds() external {
        bytes32 recordId = _registered();
        vm.prank(MALLORY);
        bytes32 successor = registry.registerModel(_otherProgram(), _noKeys(), false, "");
        vm.expectEmit(address(registry));
        emit IModelRegistry.RecordDeprecated(recordId, successor);
        vm.prank(ALICE);
        registry.deprecate(recordId, successor);
        vm.assertEq(registry.successorOf(recordId), successor, "successor");
        vm.assertEq(registry.recordOf(successor).deprecated, false, "the successor");
    }

    function test_deprecate_MR3_stranger_reverts() external {
        bytes32 recordId = _registered();
        _expectNotRegistrant(recordId, MALLORY);
        vm.prank(MALLORY);
        registry.deprecate(recordId, bytes32(0));
    }

    function test_deprecate_MR7_twice_reverts() external {
        bytes32 recordId = _registered();
        vm.prank(ALICE);
        bytes32 successor = registry.registerModel(_otherProgram(), _noKeys(), false, "");
        vm.prank(ALICE);
        registry.deprecate(recordId, bytes32(0));
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.ModelRegistry_AlreadyDeprecated.selector, recordId
            )
        );
        vm.prank(ALICE);
        registry.deprecate(recordId, successor);
        vm.assertEq(registry.successorOf(recordId), bytes32(0), "successor");
    }

    function test_deprecate_MR8_ownSuccessor_reverts() external {
        bytes32 recordId = _registered();
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.ModelRegistry_SelfSuccessor.selector, recordId)
        );
        vm.prank(ALICE);
        registry.deprecate(recordId, recordId);
    }

    function test_deprecate_MR8_unknownSuccessor_reverts() external {
        bytes32 recordId = _registered();
        _expectUnknown(UNKNOWN);
        vm.prank(ALICE);
        registry.deprecate(recordId, UNKNOWN);
    }

    function test_deprecate_MR9_unknown_reverts() external {
        _expectUnknown(UNKNOWN);
        vm.prank(ALICE);
        registry.deprecate(UNKNOWN, bytes32(0));
    }
}

contract ModelRegistry_setMetadataURI_Test is RegistryKit {
    function test_setMetadataURI_onFrozenAndDeprecated_succeeds() external {
        bytes32 recordId = _frozen();
        vm.prank(ALICE);
        registry.deprecate(recordId, bytes32(0));
        vm.expectEmit(address(registry));
        emit IModelRegistry.MetadataURIChanged(recordId, "ipfs://elsewhere");
        vm.prank(ALICE);
        registry.setMetadataURI(recordId, "ipfs://elsewhere");
        vm.assertEq(registry.uriOf(recordId), "ipfs://elsewhere", "uri");
    }

    function test_setMetadataURI_MR3_stranger_reverts() external {
        bytes32 recordId = _registered();
        _expectNotRegistrant(recordId, MALLORY);
        vm.prank(MALLORY);
        registry.setMetadataURI(recordId, "evil://");
    }

    function test_setMetadataURI_MR9_unknown_reverts() external {
        _expectUnknown(UNKNOWN);
        vm.prank(ALICE);
        registry.setMetadataURI(UNKNOWN, URI);
    }

    function testFuzz_setMetadataURI_longAndShort_succeeds(string calldata a, string calldata b)
        external
    {
        bytes32 recordId = _registered();
        vm.prank(ALICE);
        registry.setMetadataURI(recordId, a);
        vm.assertEq(registry.uriOf(recordId), a, "first");
        vm.prank(ALICE);
        registry.setMetadataURI(recordId, b);
        vm.assertEq(registry.uriOf(recordId), b, "second");
    }
}

contract ModelRegistry_views_Test is RegistryKit {
    function test_recordOf_MR9_unknown_reverts() external {
        _expectUnknown(UNKNOWN);
        registry.recordOf(UNKNOWN);
    }

    function test_programOf_MR9_unknown_reverts() external {
        _expectUnknown(UNKNOWN);
        registry.programOf(UNKNOWN);
    }

    function test_keyOf_MR9_unknown_reverts() external {
        _expectUnknown(UNKNOWN);
        registry.keyOf(UNKNOWN, GKR);
    }

    function test_uriOf_MR9_unknown_reverts() external {
        _expectUnknown(UNKNOWN);
        registry.uriOf(UNKNOWN);
    }

    function test_successorOf_MR9_unknown_reverts() external {
        _expectUnknown(UNKNOWN);
        registry.successorOf(UNKNOWN);
    }

    function test_exists_succeeds() external {
        vm.assertEq(registry.exists(UNKNOWN), false, "unknown");
        vm.assertEq(registry.exists(_registered()), true, "registered");
    }

    function test_version_succeeds() external view {
        vm.assertEq(registry.version(), "1.0.0", "version");
    }

    function testFuzz_recordIdOf_succeeds(address registrant, bytes32 root) external view {
        vm.assertEq(registry.recordIdOf(registrant, root), _idOf(registrant, root), "recordId");
    }
}

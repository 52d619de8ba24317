// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {TestBase} from "./TestBase.sol";

/// @notice A fresh registry, two people and a sample program.
abstract contract RegistryKit is TestBase {
    bytes4 internal constant GKR = bytes4(keccak256("gkr"));
    bytes4 internal constant EZKL = bytes4(keccak256("ezkl"));
    bytes32 internal constant KEY = keccak256("a key");
    bytes32 internal constant OTHER_KEY = keccak256("another key");
    bytes32 internal constant UNKNOWN = keccak256("no record has this name");
    string internal constant URI = "ipfs://somewhere";
    address internal constant ALICE = address(0xa11ce);
    address internal constant MALLORY = address(0x3a110);

    IModelRegistry internal registry;

    function setUp() public virtual {
        registry = new ModelRegistry();
    }

    function _program() internal pure returns (IModelRegistry.Program memory) {
        return IModelRegistry.Program({
            specVersion: 1,
            leafLog2: 10,
            graphRoot: keccak256("graph"),
            weightsRoot: keccak256("weights"),
            tablesRoot: bytes32(0),
            schema: abi.encode("schema")
        });
    }

    function _otherProgram() internal pure returns (IModelRegistry.Program memory program) {
        program = _program();
        program.weightsRoot = keccak256("other weights");
    }

    /// @dev The hash of the schema, written another way than the contract writes it.
    function _schemaHash(IModelRegistry.Program memory program) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"0c", program.schema));
    }

    /// @dev The program root, written another way than the contract writes it.
    function _rootOf(IModelRegistry.Program memory program) internal pure returns (bytes32) {
        bytes memory head =
            bytes.concat(hex"04", bytes2(program.specVersion), bytes1(program.leafLog2));
        bytes memory roots =
            bytes.concat(program.graphRoot, program.weightsRoot, program.tablesRoot);
        return keccak256(bytes.concat(head, roots, _schemaHash(program)));
    }

    /// @dev The name of a record, written another way than the contract writes it.
    function _idOf(address registrant, bytes32 programRoot) internal pure returns (bytes32) {
        return keccak256(bytes.concat(bytes20(registrant), programRoot));
    }

    function _noKeys() internal pure returns (IModelRegistry.BackendKey[] memory) {
        return new IModelRegistry.BackendKey[](0);
    }

    function _keys(bytes4 backend, bytes32 digest)
        internal
        pure
        returns (IModelRegistry.BackendKey[] memory keys)
    {
        keys = new IModelRegistry.BackendKey[](1);
        keys[0] = IModelRegistry.BackendKey(backend, digest);
    }

    function _keys(bytes4 first, bytes32 firstDigest, bytes4 second, bytes32 secondDigest)
        internal
        pure
        returns (IModelRegistry.BackendKey[] memory keys)
    {
        keys = new IModelRegistry.BackendKey[](2);
        keys[0] = IModelRegistry.BackendKey(first, firstDigest);
        keys[1] = IModelRegistry.BackendKey(second, secondDigest);
    }

    /// @dev Alice's record of the sample program, without keys.
    function _registered() internal returns (bytes32 recordId) {
        vm.prank(ALICE);
        recordId = registry.registerModel(_program(), _noKeys(), false, URI);
    }

    function _frozen() internal returns (bytes32 recordId) {
        vm.prank(ALICE);
        recordId = registry.registerModel(_program(), _keys(GKR, KEY), true, URI);
    }

    function _expectUnknown(bytes32 recordId) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.ModelRegistry_UnknownRecord.selector, recordId)
        );
    }

    function _expectNotRegistrant(bytes32 recordId, address caller) internal {
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.ModelRegistry_NotRegistrant.selector, recordId, caller
            )
        );
    }

    function _expectFrozen(bytes32 recordId) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.ModelRegistry_Frozen.selector, recordId)
        );
    }
}

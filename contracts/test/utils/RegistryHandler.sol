// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {TestBase} from "./TestBase.sol";

/// @notice Calls a registry as three people at random and remembers what must never change.
/// @dev Few people, programs and backends, so that they collide all the time.
contract RegistryHandler is TestBase {
    uint256 internal constant PEOPLE = 3;
    uint256 internal constant PROGRAMS = 2;
    uint256 internal constant BACKENDS = 3;

    IModelRegistry public immutable REGISTRY;

    bytes32[] private _ids;
    mapping(bytes32 recordId => bool known) private _known;

    /// @notice The first record that was seen under a name.
    mapping(bytes32 recordId => IModelRegistry.Record record) private _first;

    /// @notice The first key that was seen under a name and a backend.
    mapping(bytes32 recordId => mapping(bytes4 backend => bytes32 keyDigest)) public firstKey;

    /// @notice What the registry said when the record was seen frozen or deprecated first.
    mapping(bytes32 recordId => bool frozen) public wasFrozen;
    mapping(bytes32 recordId => bool deprecated) public wasDeprecated;
    mapping(bytes32 recordId => bytes32 successor) public firstSuccessor;
    mapping(bytes32 recordId => bytes32 digest) public keysWhenFrozen;

    /// @notice Changes that someone else than the registrant achieved: must stay zero.
    uint256 public strangersSucceeded;

    /// @notice How much happened, so that no invariant holds for want of events.
    uint256 public registrations;
    uint256 public refusals;
    uint256 public changes;

    constructor(IModelRegistry registry) {
        REGISTRY = registry;
    }

    function register(uint256 who, uint256 what, uint256 backend, bytes32 key, uint256 luck)
        external
    {
        IModelRegistry.BackendKey[] memory keys = new IModelRegistry.BackendKey[](1);
        keys[0] = IModelRegistry.BackendKey(_backend(backend), key);
        vm.prank(_person(who));
        try REGISTRY.registerModel(program(what), keys, _mixed(luck) % 16 == 0, "") returns (
            bytes32 recordId
        ) {
            if (_known[recordId]) {
                ++strangersSucceeded; // made twice: as bad as changed by another
            } else {
                _known[recordId] = true;
                _ids.push(recordId);
                _first[recordId] = REGISTRY.recordOf(recordId);
                ++registrations;
            }
            _observe(recordId);
        } catch {
            ++refusals;
        }
    }

    function addBackend(uint256 who, uint256 which, uint256 backend, bytes32 key) external {
        bytes32 recordId = _pick(which);
        address caller = _caller(who, recordId);
        vm.prank(caller);
        try REGISTRY.addBackend(recordId, _backend(backend), key) {
            _succeeded(recordId, caller);
        } catch {
            ++refusals;
        }
    }

    function freeze(uint256 who, uint256 which, uint256 luck) external {
        if (_mixed(luck) % 8 != 0) return; // else all is frozen before anything else happens
        bytes32 recordId = _pick(which);
        address caller = _caller(who, recordId);
        vm.prank(caller);
        try REGISTRY.freeze(recordId) {
            _succeeded(recordId, caller);
        } catch {
            ++refusals;
        }
    }

    function deprecate(uint256 who, uint256 which, uint256 successor) external {
        bytes32 recordId = _pick(which);
        bytes32 other = _mixed(successor) % 3 == 0 ? bytes32(0) : _pick(successor);
        address caller = _caller(who, recordId);
        vm.prank(caller);
        try REGISTRY.deprecate(recordId, other) {
            _succeeded(recordId, caller);
        } catch {
            ++refusals;
        }
    }

    function setMetadataURI(uint256 who, uint256 which, string calldata uri) external {
        bytes32 recordId = _pick(which);
        address caller = _caller(who, recordId);
        vm.prank(caller);
        try REGISTRY.setMetadataURI(recordId, uri) {
            _succeeded(recordId, caller);
        } catch {
            ++refusals;
        }
    }

    /// @notice Names of all records that were made.
    function ids() external view returns (bytes32[] memory) {
        return _ids;
    }

    /// @notice The record as it was first seen.
    function first(bytes32 recordId) external view returns (IModelRegistry.Record memory) {
        return _first[recordId];
    }

    /// @notice One of the few programs.
    function program(uint256 what) public pure returns (IModelRegistry.Program memory) {
        return IModelRegistry.Program({
            specVersion: 1,
            leafLog2: 10,
            graphRoot: keccak256("graph"),
            weightsRoot: bytes32(_mixed(what) % PROGRAMS),
            tablesRoot: bytes32(0),
            schema: abi.encode("schema")
        });
    }

    /// @notice Digest of all keys of a record.
    function keysOf(bytes32 recordId) public view returns (bytes32) {
        bytes memory all;
        for (uint256 i = 0; i < BACKENDS; ++i) {
            all = bytes.concat(all, REGISTRY.keyOf(recordId, _backend(i)));
        }
        return keccak256(all);
    }

    /// @notice Whether every key is the one that was seen first, or none where none was seen.
    function keysStand(bytes32 recordId) external view returns (bool) {
        for (uint256 i = 0; i < BACKENDS; ++i) {
            bytes4 backend = _backend(i);
            if (REGISTRY.keyOf(recordId, backend) != firstKey[recordId][backend]) return false;
        }
        return true;
    }

    function _succeeded(bytes32 recordId, address caller) private {
        if (_first[recordId].registrant != caller) ++strangersSucceeded;
        ++changes;
        _observe(recordId);
    }

    /// @dev Remembers what is seen for the first time; the invariants compare with it for ever.
    function _observe(bytes32 recordId) private {
        for (uint256 i = 0; i < BACKENDS; ++i) {
            bytes4 backend = _backend(i);
            if (firstKey[recordId][backend] == bytes32(0)) {
                firstKey[recordId][backend] = REGISTRY.keyOf(recordId, backend);
            }
        }
        IModelRegistry.Record memory record = REGISTRY.recordOf(recordId);
        if (record.frozen && !wasFrozen[recordId]) {
            wasFrozen[recordId] = true;
            keysWhenFrozen[recordId] = keysOf(recordId);
        }
        if (record.deprecated && !wasDeprecated[recordId]) {
            wasDeprecated[recordId] = true;
            firstSuccessor[recordId] = REGISTRY.successorOf(recordId);
        }
    }

    /// @dev A record that exists, or a name that none has.
    function _pick(uint256 which) private view returns (bytes32) {
        if (_ids.length == 0) return bytes32(which);
        return _ids[_mixed(which) % _ids.length];
    }

    /// @dev Evens out what forge draws: much of it is small, round or an address.
    function _mixed(uint256 value) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(value)));
    }

    /// @dev Half of the time the registrant, else anyone.
    function _caller(uint256 who, bytes32 recordId) private view returns (address) {
        return _mixed(who) % 2 == 0 ? _first[recordId].registrant : _person(who);
    }

    function _person(uint256 who) private pure returns (address) {
        return address(uint160(0x1000 + _mixed(who) % PEOPLE));
    }

    function _backend(uint256 which) private pure returns (bytes4) {
        return bytes4(uint32(which % BACKENDS));
    }
}

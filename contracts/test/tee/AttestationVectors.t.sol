// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {AttestationRegistry} from "../../src/tee/AttestationRegistry.sol";
import {AttestationKit} from "./AttestationKit.sol";

/// @notice The cheatcodes that only vectors need.
interface VectorCheats {
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function setBlockhash(uint256 number, bytes32 hash) external;
}

/// @notice The contract takes what the library, and a simulated machine, make:
///         `tests/vectors/attestation_registry.json`.
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract AttestationRegistry_Vectors_Test is AttestationKit {
    VectorCheats private constant more =
        VectorCheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev Of the proxy that deploys at the same address everywhere.
    address private constant PROXY = 0x4e59b44847b379578588920cA78FbF26c0B4956C;
    bytes private constant PROXY_CODE =
        hex"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3";

    address private _owner;
    uint32 private _delay;

    function setUp() public override {
        string memory json = _read();
        _owner = vm.parseJsonAddress(json, ".owner");
        _delay = uint32(vm.parseJsonUint(json, ".delay_s"));
        uint256 number = vm.parseJsonUint(json, ".challenge_block");
        vm.roll(number + 1);
        more.setBlockhash(number, vm.parseJsonBytes32(json, ".challenge"));
        cheats.warp(vm.parseJsonUint(json, ".time_s"));
        bytes memory arguments = abi.encode(
            _owner,
            _delay,
            bytes16(vm.parseJsonBytes(json, ".svn")),
            vm.parseJsonUint(json, ".qe_svn")
        );
        cheats.etch(PROXY, PROXY_CODE);
        (bool ok,) =
            PROXY.call(bytes.concat(bytes32(0), type(AttestationRegistry).creationCode, arguments));
        vm.assertTrue(ok, "not made");
        registry = AttestationRegistry(vm.parseJsonAddress(json, ".registry"));
        vm.assertTrue(
            address(registry).code.length > 0,
            "made elsewhere: run `python tests/vectors/make_attestations.py`"
        );
    }

    function test_vectors_keys_succeeds() external {
        string memory json = _read();
        bytes32 program = vm.parseJsonBytes32(json, ".statement.program_root");
        _done(
            abi.encodeCall(
                registry.setWorkload, (vm.parseJsonBytes32(json, _key(0, ".workload")), program)
            )
        );
        uint256 count = 0;
        for (; vm.keyExistsJson(json, _key(count, "")); ++count) {
            _admitVector(json, count);
            _registerVector(json, count);
            _verifyVector(json, count);
        }
        vm.assertEq(count, 2, "number of vectors");
    }

    function _admitVector(string memory json, uint256 index) private {
        bytes32 x = vm.parseJsonBytes32(json, _key(index, ".pck_x"));
        bytes32 y = vm.parseJsonBytes32(json, _key(index, ".pck_y"));
        bytes16 ppid = bytes16(vm.parseJsonBytes(json, _key(index, ".ppid")));
        bool hardware = more.parseJsonBool(json, _key(index, ".hardware"));
        uint64 until = uint64(vm.parseJsonUint(json, ".until"));
        _done(abi.encodeCall(registry.registerPlatform, (x, y, ppid, until, hardware)));
        vm.assertEq(
            registry.platformIdOf(x, y, ppid, hardware),
            vm.parseJsonBytes32(json, _key(index, ".platform_id")),
            "platformId"
        );
    }

    function _registerVector(string memory json, uint256 index) private {
        bytes memory quote = vm.parseJsonBytes(json, _key(index, ".quote_prefix"));
        bytes memory pop = vm.parseJsonBytes(json, _key(index, ".pop"));
        bytes32 id = vm.parseJsonBytes32(json, _key(index, ".platform_id"));
        uint64 deadline = uint64(vm.parseJsonUint(json, _key(index, ".deadline")));
        uint256 number = vm.parseJsonUint(json, ".challenge_block");
        address key = registry.registerKey(quote, id, number, deadline, pop);
        vm.assertEq(key, vm.parseJsonAddress(json, _key(index, ".key")), "key");
    }

    function _verifyVector(string memory json, uint256 index) private view {
        (address key, bool hardware) = registry.verifyInference(
            vm.parseJsonBytes32(json, ".statement.program_root"),
            vm.parseJsonBytes32(json, ".statement.input_root"),
            vm.parseJsonBytes32(json, ".statement.output_root"),
            vm.parseJsonBytes32(json, ".statement.context"),
            vm.parseJsonBytes(json, _key(index, ".signature"))
        );
        vm.assertEq(key, vm.parseJsonAddress(json, _key(index, ".key")), "signer");
        vm.assertEq(hardware, more.parseJsonBool(json, _key(index, ".hardware")), "hardware");
    }

    function _done(bytes memory action) private {
        vm.prank(_owner);
        registry.schedule(action);
        cheats.warp(block.timestamp + _delay);
        vm.prank(_owner);
        (bool ok,) = address(registry).call(action);
        vm.assertTrue(ok, "refused");
    }

    function _read() private view returns (string memory) {
        return vm.readFile("../tests/vectors/attestation_registry.json");
    }

    function _key(uint256 index, string memory name) private pure returns (string memory) {
        return string.concat(".keys[", vm.toString(index), "]", name);
    }
}

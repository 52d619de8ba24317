// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {AttestedInference} from "../../src/tee/AttestedInference.sol";
import {IAttestationRegistry} from "../../src/tee/IAttestationRegistry.sol";
import {AttestationKit} from "./AttestationKit.sol";

/// @notice Acts on answers in the smallest way: it says that there was one.
contract Consumer is AttestedInference {
    event Answered(address indexed key, bytes32 indexed request, bytes32 outputRoot);

    constructor(IAttestationRegistry registry) AttestedInference(registry) {}

    function answer(
        bytes32 programRoot,
        bytes32 inputRoot,
        bytes32 outputRoot,
        bytes32 request,
        bytes calldata sig
    ) external {
        address key = _useHardwareInference(programRoot, inputRoot, outputRoot, request, sig);
        emit Answered(key, request, outputRoot);
    }
}

/// @notice What a transaction of each kind costs, as `snapshots/AttestationRegistry.json` records.
/// @dev Each call is a transaction of its own, with its intrinsic gas and cold storage.
/// forge-config: default.isolate = true
/// forge-config: thorough.isolate = true
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract AttestationRegistry_Gas_Test is AttestationKit {
    function test_gas_keys_succeeds() external {
        bytes memory quote = _quote();
        bytes memory pop = _pop(quote, ENCLAVE);
        registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);
        _snapshot("registerKey");

        bytes memory sig = _answer(ENCLAVE, PROGRAM);
        _send(abi.encodeCall(registry.verifyInference, (PROGRAM, INPUT, OUTPUT, CONTEXT, sig)));
        _snapshot("verifyInference, sent to the registry");

        Consumer consumer = new Consumer(registry);
        bytes32 request = keccak256("request");
        sig = _sign(ENCLAVE, _inference(PROGRAM, consumer.contextOf(request)));
        consumer.answer(PROGRAM, INPUT, OUTPUT, request, sig);
        _snapshot("an answer, used once, by a contract with AttestedInference");

        vm.prank(OWNER);
        registry.revokeKey(vm.addr(ENCLAVE));
        _snapshot("revokeKey");
    }

    function test_gas_lists_succeeds() external {
        uint64 until = uint64(block.timestamp + DELAY + 25 days);
        _govern(abi.encodeCall(registry.registerPlatform, (INPUT, OUTPUT, PPID, until, true)));
        _snapshot("registerPlatform");
        _allow(keccak256("another"), PROGRAM);
        _snapshot("setWorkload");
        vm.prank(OWNER);
        registry.schedule(abi.encodeCall(registry.setWorkload, (_workload(), OTHER_PROGRAM)));
        _snapshot("schedule");
        vm.prank(OWNER);
        registry.dropWorkload(_workload());
        _snapshot("dropWorkload");
        vm.prank(OWNER);
        registry.revokePlatform(platformId);
        _snapshot("revokePlatform");
    }

    /// @dev Not as the static call that a test makes of a view: as a transaction.
    function _send(bytes memory call) private {
        (bool ok,) = address(registry).call(call);
        vm.assertTrue(ok, "refused");
    }

    function _snapshot(string memory name) private {
        vm.assertTrue(vm.snapshotGasLastCall("AttestationRegistry", name) > 21_000, "not isolated");
    }
}

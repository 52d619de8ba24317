// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {AttestedInference} from "../../src/tee/AttestedInference.sol";
import {IAttestationRegistry} from "../../src/tee/IAttestationRegistry.sol";
import {AttestationKit} from "./AttestationKit.sol";

/// @notice Takes answers in both ways.
contract TwoWays is AttestedInference {
    constructor(IAttestationRegistry registry) AttestedInference(registry) {}

    function real(
        bytes32 program,
        bytes32 input,
        bytes32 output,
        bytes32 request,
        bytes calldata sig
    ) external returns (address) {
        return _useHardwareInference(program, input, output, request, sig);
    }

    function any(
        bytes32 program,
        bytes32 input,
        bytes32 output,
        bytes32 request,
        bytes calldata sig
    ) external returns (address, bool) {
        return _useInference(program, input, output, request, sig);
    }
}

/// @notice An answer counts once, for one contract on one chain, and from hardware only if asked.
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract AttestedInference_Test is AttestationKit {
    bytes32 private constant REQUEST = keccak256("request");

    TwoWays private _consumer;

    function setUp() public override {
        super.setUp();
        _register(_quote());
        _consumer = new TwoWays(registry);
    }

    function test_useHardwareInference_succeeds() external {
        bytes memory sig = _answerTo(REQUEST, ENCLAVE);
        address key = _consumer.real(PROGRAM, INPUT, OUTPUT, REQUEST, sig);
        vm.assertEq(key, vm.addr(ENCLAVE), "key");
    }

    function test_useInference_AR18_twice_reverts() external {
        bytes memory sig = _answerTo(REQUEST, ENCLAVE);
        bytes32 digest =
            keccak256(bytes.concat(hex"0a", PROGRAM, INPUT, OUTPUT, _consumer.contextOf(REQUEST)));
        _consumer.real(PROGRAM, INPUT, OUTPUT, REQUEST, sig);
        bytes memory why = abi.encodeWithSelector(
            AttestedInference.AttestedInference_AlreadyUsed.selector, digest
        );
        vm.expectRevert(why);
        _consumer.real(PROGRAM, INPUT, OUTPUT, REQUEST, sig);
        vm.expectRevert(why);
        _consumer.any(PROGRAM, INPUT, OUTPUT, REQUEST, sig);
    }

    function test_useInference_AR18_simulated_reverts() external {
        platformId = _admit(PCK, false);
        bytes memory quote = _quote(ENCLAVE + 1);
        bytes memory pop = _pop(quote, ENCLAVE + 1);
        registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);
        bytes memory sig = _answerTo(REQUEST, ENCLAVE + 1);
        address key = vm.addr(ENCLAVE + 1);
        vm.expectRevert(
            abi.encodeWithSelector(AttestedInference.AttestedInference_NotHardware.selector, key)
        );
        _consumer.real(PROGRAM, INPUT, OUTPUT, REQUEST, sig);
        (address found, bool hardware) = _consumer.any(PROGRAM, INPUT, OUTPUT, REQUEST, sig);
        vm.assertEq(found, key, "key");
        vm.assertEq(hardware, false, "hardware");
    }

    function test_useInference_AR18_forAnother_reverts() external {
        bytes memory sig = _answerTo(REQUEST, ENCLAVE);
        bytes32 context = _consumer.contextOf(REQUEST);
        TwoWays other = new TwoWays(registry);
        vm.assertTrue(other.contextOf(REQUEST) != context, "one context for two contracts");
        vm.assertTrue(_consumer.contextOf(PROGRAM) != context, "one context for two requests");
        cheats.expectRevert();
        other.real(PROGRAM, INPUT, OUTPUT, REQUEST, sig);
        cheats.expectRevert();
        _consumer.real(PROGRAM, INPUT, OUTPUT, PROGRAM, sig);
        cheats.chainId(1);
        vm.assertTrue(_consumer.contextOf(REQUEST) != context, "one context for two chains");
        cheats.expectRevert();
        _consumer.real(PROGRAM, INPUT, OUTPUT, REQUEST, sig);
    }

    function test_useInference_AR18_refusedIsNotUsed_succeeds() external {
        bytes memory sig = _answerTo(REQUEST, ENCLAVE);
        bytes memory forged = _answerTo(REQUEST, ENCLAVE + 1);
        cheats.expectRevert();
        _consumer.real(PROGRAM, INPUT, OUTPUT, REQUEST, forged);
        _consumer.real(PROGRAM, INPUT, OUTPUT, REQUEST, sig);
    }

    function _answerTo(bytes32 request, uint256 enclave) private view returns (bytes memory) {
        return _sign(enclave, _inference(PROGRAM, _consumer.contextOf(request)));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IEvidenceDoor} from "../../src/inference/IEvidenceDoor.sol";
import {TeeDoor} from "../../src/inference/TeeDoor.sol";
import {IAttestationRegistry} from "../../src/tee/IAttestationRegistry.sol";
import {AttestationKit} from "../tee/AttestationKit.sol";
import {Samples} from "./Samples.sol";

/// @notice Only what a key that counts signed, in the registry that a record pins, counts.
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract TeeDoor_Test is AttestationKit {
    bytes32 private constant BASE = keccak256("key without registry");

    TeeDoor private _door;

    function setUp() public override {
        super.setUp();
        _register(_quote());
        _door = new TeeDoor();
    }

    function test_check_answer_succeeds() external view {
        vm.assertEq(_ask(_keyDigest(true), _proof(true, ENCLAVE)), false, "hardware only");
        vm.assertEq(_ask(_keyDigest(false), _proof(false, ENCLAVE)), false, "simulated too");
        vm.assertEq(_door.version(), "1.0.0", "version");
    }

    function test_check_simulated_succeeds() external {
        _registerSimulated();
        vm.assertEq(_ask(_keyDigest(false), _proof(false, ENCLAVE + 1)), true, "simulated");
    }

    function test_check_IV15_malformed_reverts() external {
        bytes memory proof = _proof(true, ENCLAVE);
        _malformed(bytes.concat(proof, bytes32(0)));
        _malformed("");
        _malformed(_changed(proof, 64)); // a byte before the address
        _malformed(_changed(proof, 128)); // hardwareOnly neither 0 nor 1
        _malformed(_changed(proof, 191)); // where the signature is
        _malformed(_changed(proof, 223)); // its length
        _malformed(_changed(proof, 289)); // behind it
        _malformed(_changed(proof, 319));
    }

    function test_check_IV15_otherKey_reverts() external {
        bytes memory proof = _proof(true, ENCLAVE);
        _wrongKey(_keyDigest(true), keccak256("another key"), proof);
    }

    /// @dev Each field of the key is hashed: the record's key opens in one way.
    function test_check_IV15_weakened_reverts() external {
        bytes32 pinned = _keyDigest(true);
        _wrongKey(_keyDigest(false), pinned, _proof(false, ENCLAVE));
        registry = maker.make(MALLORY, DELAY, MIN_SVN, MIN_QE_SVN);
        _wrongKey(_keyDigest(true), pinned, _proof(true, ENCLAVE));
    }

    function test_check_IV16_otherChain_reverts() external {
        uint256 here = block.chainid;
        (bytes32 pinned, bytes memory proof) = (_keyDigest(true), _proof(true, ENCLAVE));
        cheats.chainId(here + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IEvidenceDoor.EvidenceDoor_WrongChain.selector, here)
        );
        _ask(pinned, proof);
    }

    function test_check_IV17_otherCode_reverts() external {
        bytes32 codeHash = address(registry).codehash;
        (bytes32 pinned, bytes memory proof) = (_keyDigest(true), _proof(true, ENCLAVE));
        bytes memory yes = hex"60015f5260016020526040" // returns two words of one
            hex"5ff3";
        cheats.etch(address(registry), yes);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEvidenceDoor.EvidenceDoor_WrongCode.selector,
                address(registry),
                keccak256(yes),
                codeHash
            )
        );
        _ask(pinned, proof);
    }

    function test_check_IV18_unknownKey_reverts() external {
        (bytes32 pinned, bytes memory proof) = (_keyDigest(true), _proof(true, ENCLAVE + 1));
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationRegistry.AttestationRegistry_KeyNotValid.selector,
                vm.addr(ENCLAVE + 1),
                IAttestationRegistry.Fault.Unknown
            )
        );
        _ask(pinned, proof);
    }

    function test_check_IV18_revokedKey_reverts() external {
        vm.prank(OWNER);
        registry.revokeKey(vm.addr(ENCLAVE));
        (bytes32 pinned, bytes memory proof) = (_keyDigest(true), _proof(true, ENCLAVE));
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationRegistry.AttestationRegistry_KeyNotValid.selector,
                vm.addr(ENCLAVE),
                IAttestationRegistry.Fault.Revoked
            )
        );
        _ask(pinned, proof);
    }

    /// @dev One signature is for one statement: each of its four members is signed.
    function test_check_IV18_otherStatement_reverts() external {
        (bytes32 pinned, bytes memory proof) = (_keyDigest(true), _proof(true, ENCLAVE));
        for (uint256 i = 0; i < 4; ++i) {
            IEvidenceDoor.Statement memory said = _statement();
            if (i == 0) said.programRoot = OTHER_PROGRAM;
            if (i == 1) said.inputRoot = OTHER_PROGRAM;
            if (i == 2) said.outputRoot = OTHER_PROGRAM;
            if (i == 3) said.context = OTHER_PROGRAM;
            cheats.expectRevert();
            _ask(said, pinned, proof);
        }
    }

    function test_check_IV19_simulated_reverts() external {
        _registerSimulated();
        (bytes32 pinned, bytes memory proof) = (_keyDigest(true), _proof(true, ENCLAVE + 1));
        vm.expectRevert(
            abi.encodeWithSelector(TeeDoor.TeeDoor_NotHardware.selector, vm.addr(ENCLAVE + 1))
        );
        _ask(pinned, proof);
    }

    // --- samples

    function _registerSimulated() private {
        platformId = _admit(PCK, false);
        bytes memory quote = _quote(ENCLAVE + 1);
        bytes memory pop = _pop(quote, ENCLAVE + 1);
        registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);
    }

    function _statement() private pure returns (IEvidenceDoor.Statement memory) {
        return IEvidenceDoor.Statement(PROGRAM, INPUT, OUTPUT, CONTEXT);
    }

    function _proof(bool hardwareOnly, uint256 enclave) private view returns (bytes memory) {
        return abi.encode(
            BASE,
            block.chainid,
            address(registry),
            address(registry).codehash,
            hardwareOnly,
            _answer(enclave, PROGRAM)
        );
    }

    /// @dev Written another way than the contract writes it.
    function _keyDigest(bool hardwareOnly) private view returns (bytes32) {
        bytes memory label = bytes.concat("verifiable/tee-key-on-chain/v1", hex"00");
        bytes memory place = bytes.concat(bytes32(block.chainid), bytes20(address(registry)));
        bytes memory code = bytes.concat(address(registry).codehash);
        return keccak256(
            bytes.concat(label, BASE, place, code, hardwareOnly ? bytes1(0x01) : bytes1(0x00))
        );
    }

    function _changed(bytes memory proof, uint256 index) private pure returns (bytes memory) {
        bytes memory changed = _slice(proof, 0, proof.length);
        changed[index] ^= 0x02;
        return changed;
    }

    function _ask(bytes32 keyDigest, bytes memory proof) private view returns (bool) {
        return _ask(_statement(), keyDigest, proof);
    }

    function _ask(IEvidenceDoor.Statement memory said, bytes32 keyDigest, bytes memory proof)
        private
        view
        returns (bool)
    {
        return _door.check(Samples.pinned(PROGRAM, keyDigest), said, Samples.digestOf(said), proof);
    }

    function _wrongKey(bytes32 found, bytes32 pinned, bytes memory proof) private {
        vm.expectRevert(
            abi.encodeWithSelector(IEvidenceDoor.EvidenceDoor_WrongKey.selector, found, pinned)
        );
        _ask(pinned, proof);
    }

    function _malformed(bytes memory proof) private {
        bytes32 keyDigest = _keyDigest(true);
        vm.expectRevert(
            abi.encodeWithSelector(IEvidenceDoor.EvidenceDoor_Malformed.selector, proof.length)
        );
        _ask(keyDigest, proof);
    }
}

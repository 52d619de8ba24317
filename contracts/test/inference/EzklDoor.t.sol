// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {EzklDoor} from "../../src/inference/EzklDoor.sol";
import {IEvidenceDoor} from "../../src/inference/IEvidenceDoor.sol";
import {IReusableVerifier} from "../../src/inference/IReusableVerifier.sol";
import {EzklKit} from "./EzklKit.sol";

/// @notice The verifier is asked the statement's own question, and only its yes counts.
contract EzklDoor_Test is EzklKit {
    uint256 private constant INPUTS = 2;
    uint256 private constant OUTPUTS = 3;

    function test_check_honest_succeeds() external {
        vm.assertEq(_ask(_pinned(), _statement(), _honest()), false, "simulated");
        vm.assertEq(door.verifier(), address(verifier), "verifier");
        vm.assertEq(door.ceremony(), keccak256(_slice(_vka(1), 640, 768)), "ceremony");
        vm.assertEq(door.version(), "1.0.0", "version");
    }

    function test_check_context_succeeds() external {
        Parts memory parts = _honest();
        IEvidenceDoor.Statement memory statement = _statement();
        statement.context = keccak256("context");
        verifier.expect(
            _call(parts, _instances(statement.context)), abi.encode(1, keccak256(parts.vka)), false
        );
        vm.assertEq(_ask(_pinned(), statement, parts), false, "simulated");
    }

    function test_check_IV35_malformed_reverts() external {
        IEvidenceDoor.Pinned memory pinned = _pinned();
        IEvidenceDoor.Statement memory statement = _statement();
        bytes memory honest = _encoded(_honest());
        _malformed("");
        _malformed(_slice(honest, 0, 383));
        _malformed(_slice(honest, 0, honest.length - 32)); // ends inside the proof
        _malformed(_slice(honest, 0, honest.length - 1));
        _malformed(bytes.concat(honest, bytes32(0)));
        for (uint256 i = 0; i < 6; ++i) {
            bytes memory far = _encoded(_honest());
            far[32 * i] = 0xff; // where the section is
            _malformed(far);
            bytes memory long = _encoded(_honest());
            uint256 place = uint256(bytes32(_slice(long, 32 * i, 32 * i + 32)));
            long[place] = 0xff; // its length
            _malformed(long);
        }
        bytes memory filled = _encoded(_honest());
        uint256 outputs = uint256(bytes32(_slice(filled, 96, 128)));
        filled[outputs + 63] = 0x01; // behind the eight bytes of the outputs
        _malformed(filled);
        _malformed(_swapped(honest));
        Parts memory parts = _honest();
        parts.vka = _slice(parts.vka, 0, 767);
        _refused(pinned, statement, parts, _wrong(_encoded(parts).length));
        parts.vka = bytes.concat(_honest().vka, hex"00");
        _refused(pinned, statement, parts, _wrong(_encoded(parts).length));
    }

    /// @dev So long that where it ends overflows.
    function test_check_IV35_longest_reverts() external {
        bytes memory proof = _encoded(_honest());
        uint256 place = uint256(bytes32(_slice(proof, 160, 192)));
        for (uint256 i = 0; i < 32; ++i) {
            proof[place + i] = 0xff;
        }
        _malformed(proof);
    }

    function test_constructor_IV20_otherCode_reverts() external {
        bytes32 codeHash = address(verifier).codehash;
        _unknownCode(address(door), codeHash); // other code
        _unknownCode(address(verifier), keccak256("other"));
        _unknownCode(address(0xdead), codeHash); // no code
        _unknownCode(address(0xdead), address(0xdead).codehash);
        _unknownCode(address(this), bytes32(0));
    }

    function test_check_IV21_otherVersion_reverts() external {
        IEvidenceDoor.Pinned memory pinned = _pinned();
        pinned.specVersion = 2;
        _refused(
            pinned,
            _statement(),
            _honest(),
            abi.encodeWithSelector(EzklDoor.EzklDoor_SpecVersion.selector, 2)
        );
    }

    function test_check_IV22_otherArtifact_reverts() external {
        Parts memory parts = _honest();
        bytes32 pinned = keccak256(parts.vka);
        parts.vka = _vka(2);
        verifier.expect(_call(parts, _instances(bytes32(0))), abi.encode(1, pinned), false);
        _refused(
            _pinned(),
            _statement(),
            parts,
            abi.encodeWithSelector(
                EzklDoor.EzklDoor_WrongArtifact.selector, keccak256(parts.vka), pinned
            )
        );
    }

    function test_check_IV23_trailingWord_reverts() external {
        Parts memory parts = _honest();
        uint256 length = parts.halo2.length;
        parts.halo2 = bytes.concat(parts.halo2, bytes32(0));
        verifier.expect(
            _call(parts, _instances(bytes32(0))), abi.encode(1, keccak256(parts.vka)), false
        );
        _refused(
            _pinned(),
            _statement(),
            parts,
            abi.encodeWithSelector(EzklDoor.EzklDoor_WrongProofLength.selector, length + 32, length)
        );
    }

    function test_check_IV24_otherCeremony_succeeds() external {
        door = new EzklDoor(address(verifier), address(verifier).codehash, bytes32(0));
        vm.assertEq(_ask(_pinned(), _statement(), _honest()), true, "none");
        bytes32 other = keccak256(_slice(_vka(2), 640, 768));
        door = new EzklDoor(address(verifier), address(verifier).codehash, other);
        vm.assertEq(_ask(_pinned(), _statement(), _honest()), true, "another");
    }

    function test_check_IV25_refused_reverts() external {
        bytes32 digest = keccak256(_honest().vka);
        _answers("", true); // how the genuine contract says no
        _answers(abi.encode(1, digest), true);
        _answers(abi.encodeWithSignature("Error(string)", "VKA"), true);
    }

    function test_check_IV25_noYes_reverts() external {
        bytes32 digest = keccak256(_honest().vka);
        _answers("", false); // as a place without code would
        _answers(abi.encode(1), false);
        _answers(_slice(abi.encode(1, digest), 0, 63), false);
        _answers(abi.encode(0, digest), false);
        _answers(abi.encode(2, digest), false);
        _answers(abi.encode(1, bytes32(uint256(digest) ^ 1)), false);
    }

    function test_check_unregistered_reverts() external {
        Parts memory parts = _honest();
        verifier.expect(
            _call(parts, _instances(bytes32(0))),
            abi.encodeWithSignature("Error(string)", "VKA not registered"),
            true
        );
        _refused(
            _pinned(),
            _statement(),
            parts,
            abi.encodeWithSelector(EzklDoor.EzklDoor_NotRegistered.selector, keccak256(parts.vka))
        );
    }

    function test_check_IV26_otherKey_reverts() external {
        IEvidenceDoor.Pinned memory pinned = _pinned();
        bytes32 found = pinned.keyDigest;
        pinned.keyDigest = keccak256("another key");
        _refused(
            pinned,
            _statement(),
            _honest(),
            abi.encodeWithSelector(
                IEvidenceDoor.EvidenceDoor_WrongKey.selector, found, pinned.keyDigest
            )
        );
    }

    /// @dev A key of the form before this one has other fields at its end.
    function test_check_IV27_otherForm_reverts() external {
        Parts memory parts = _honest();
        bytes memory key = parts.key;
        key[21] = "1"; // the version
        _wrongForm(key);
        _wrongForm(bytes.concat(parts.key, hex"00"));
        _wrongForm(bytes.concat(hex"00", parts.key));
        _wrongForm(_slice(parts.key, 0, 23));
    }

    function test_check_IV28_hashedInputs_reverts() external {
        Parts memory parts = _honest();
        IEvidenceDoor.Pinned memory pinned = _pinned();
        parts.key = _key(parts, 0x01);
        pinned.keyDigest = keccak256(parts.key);
        bytes memory why = abi.encodeWithSelector(EzklDoor.EzklDoor_HashedInputs.selector);
        _refused(pinned, _statement(), parts, why);
    }

    /// @dev The circuit would say yes: the proof is of this input, the statement is not.
    function test_check_IV29_otherInput_reverts() external {
        IEvidenceDoor.Statement memory statement = _statement();
        bytes32 found = statement.inputRoot;
        statement.inputRoot = keccak256("another input");
        _refused(
            _pinned(),
            statement,
            _honest(),
            abi.encodeWithSelector(
                EzklDoor.EzklDoor_WrongValues.selector, INPUTS, found, statement.inputRoot
            )
        );
    }

    function test_check_IV30_otherContext_reverts() external {
        Parts memory parts = _honest();
        IEvidenceDoor.Pinned memory pinned = _pinned();
        IEvidenceDoor.Statement memory statement = _statement();
        bytes memory why = abi.encodeWithSelector(EzklDoor.EzklDoor_NotAccepted.selector);
        for (uint256 i = 0; i < 32; i += 5) {
            statement.context = bytes32(uint256(1) << (8 * i));
            _refused(pinned, statement, parts, why);
        }
    }

    function test_check_IV31_otherOutput_reverts() external {
        IEvidenceDoor.Statement memory statement = _statement();
        bytes32 found = statement.outputRoot;
        statement.outputRoot = keccak256("another output");
        _refused(
            _pinned(),
            statement,
            _honest(),
            abi.encodeWithSelector(
                EzklDoor.EzklDoor_WrongValues.selector, OUTPUTS, found, statement.outputRoot
            )
        );
    }

    function test_check_IV32_outOfBounds_reverts() external {
        Parts memory parts = _honest();
        parts.inputs[2] = int8Bytes(101);
        _refused(_pinned(), _statement(), parts, _outOfBounds(INPUTS, 101));
        parts = _honest();
        parts.inputs[0] = int8Bytes(-101);
        _refused(_pinned(), _statement(), parts, _outOfBounds(INPUTS, -101));
        parts = _honest();
        parts.outputs = bytes.concat(int32Bytes(0), int32Bytes(10));
        _refused(_pinned(), _statement(), parts, _outOfBounds(OUTPUTS, 10));
    }

    /// @dev Zeros behind the last value leave its tensor's root as it is.
    function test_check_IV33_otherSize_reverts() external {
        Parts memory parts = _honest();
        parts.inputs = bytes.concat(parts.inputs, bytes2(0));
        _refused(_pinned(), _statement(), parts, _wrongSize(INPUTS, 12));
        parts.inputs = _slice(parts.inputs, 0, 8);
        _refused(_pinned(), _statement(), parts, _wrongSize(INPUTS, 8));
        parts.inputs = "";
        _refused(_pinned(), _statement(), parts, _wrongSize(INPUTS, 0));
        parts = _honest();
        parts.outputs = bytes.concat(parts.outputs, hex"00");
        _refused(_pinned(), _statement(), parts, _wrongSize(OUTPUTS, 9));
    }

    function test_check_IV34_otherSchema_reverts() external {
        Parts memory parts = _honest();
        IEvidenceDoor.Pinned memory pinned = _pinned();
        schema.inputs[0].hi = 127; // wider bounds
        parts.schema = abi.encode(schema);
        bytes32 found = keccak256(bytes.concat(hex"0c", parts.schema));
        _refused(
            pinned,
            _statement(),
            parts,
            abi.encodeWithSelector(EzklDoor.EzklDoor_WrongSchema.selector, found, pinned.schemaHash)
        );
    }

    /// @dev Whatever one bit of the evidence is changed, the door says no.
    function testFuzz_check_oneBit_reverts(uint256 place, uint8 bit) external {
        bytes memory honest = _encoded(_honest());
        bytes memory proof = _encoded(_honest());
        place = _bound(place, 0, proof.length - 1);
        proof[place] ^= bytes1(uint8(1) << (bit % 8));
        vm.assume(keccak256(proof) != keccak256(honest));
        try door.check(_pinned(), _statement(), bytes32(0), proof) returns (bool) {
            vm.assertTrue(false, "accepted");
        } catch {}
    }

    /// @dev The same content, the two last sections in the other order.
    function _swapped(bytes memory honest) private view returns (bytes memory) {
        Parts memory parts = _honest();
        bytes memory head = _slice(honest, 0, 128);
        bytes memory rest = abi.encode(parts.halo2, parts.vka); // offsets of two words
        uint256 from = uint256(bytes32(_slice(honest, 128, 160)));
        uint256 halo2 = from;
        uint256 vka = from + uint256(bytes32(_slice(rest, 32, 64))) - 64;
        return bytes.concat(
            head,
            bytes32(vka),
            bytes32(halo2),
            _slice(honest, 192, from),
            _slice(rest, 64, rest.length)
        );
    }

    function _malformed(bytes memory proof) private {
        IEvidenceDoor.Pinned memory pinned = _pinned();
        IEvidenceDoor.Statement memory statement = _statement();
        vm.expectRevert(_wrong(proof.length));
        door.check(pinned, statement, bytes32(0), proof);
    }

    function _wrongForm(bytes memory key) private {
        Parts memory parts = _honest();
        IEvidenceDoor.Pinned memory pinned = _pinned();
        parts.key = key;
        pinned.keyDigest = keccak256(key);
        _refused(pinned, _statement(), parts, _wrong(key.length));
    }

    function _unknownCode(address target, bytes32 codeHash) private {
        bytes memory why = abi.encodeWithSelector(
            IEvidenceDoor.EvidenceDoor_WrongCode.selector, target, target.codehash, codeHash
        );
        vm.expectRevert(why);
        new EzklDoor(target, codeHash, bytes32(0));
    }

    function _answers(bytes memory answer, bool refusing) private {
        Parts memory parts = _honest();
        verifier.expect(_call(parts, _instances(bytes32(0))), answer, refusing);
        bytes memory why = abi.encodeWithSelector(EzklDoor.EzklDoor_NotAccepted.selector);
        _refused(_pinned(), _statement(), parts, why);
    }

    function _wrong(uint256 length) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IEvidenceDoor.EvidenceDoor_Malformed.selector, length);
    }

    function _wrongSize(uint256 section, uint256 length) private pure returns (bytes memory) {
        return abi.encodeWithSelector(EzklDoor.EzklDoor_WrongSize.selector, section, length);
    }

    function _outOfBounds(uint256 section, int256 value) private pure returns (bytes memory) {
        return abi.encodeWithSelector(EzklDoor.EzklDoor_OutOfBounds.selector, section, value);
    }
}

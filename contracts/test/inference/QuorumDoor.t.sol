// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Bls12381} from "../../src/inference/Bls12381.sol";
import {IEvidenceDoor} from "../../src/inference/IEvidenceDoor.sol";
import {QuorumDoor} from "../../src/inference/QuorumDoor.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice What the library hashes to points, for comparison with the standard's own numbers.
contract Hasher {
    function hashed(bytes calldata message, bytes calldata tag)
        external
        view
        returns (bytes memory point)
    {
        return Bls12381.hashToG2(message, tag);
    }
}

/// @notice The cheatcodes that only these tests need.
interface PlantCheats {
    function mockCall(address target, bytes calldata data, bytes calldata answer) external;
}

/// @notice k of n signatures as the library makes them (`tests/vectors/quorum.json`), and every way
///         that a guard of the contract refuses.
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract QuorumDoor_Test is TestBase {
    QuorumDoor private _door;

    function setUp() public {
        _door = new QuorumDoor();
    }

    function test_hashed_standardsPoints_succeeds() external {
        Hasher hasher = new Hasher();
        bytes memory tag = vm.parseJsonBytes(_json(), ".hashed.tag");
        for (uint256 i; i < 2; ++i) {
            string memory place = vm.toString(i);
            bytes memory point = hasher.hashed(
                vm.parseJsonBytes(_json(), string.concat(".hashed.messages[", place, "]")), tag
            );
            vm.assertEq(
                point,
                vm.parseJsonBytes(_json(), string.concat(".hashed.points[", place, "]")),
                "RFC 9380, J.10.1"
            );
        }
    }

    function test_check_quorum_succeeds() external {
        vm.assertEq(_ask(_digest(), _statement(), _proof()), false, "not simulated");
        vm.snapshotGasLastCall("QuorumDoor", "check, 2 of 3");
        vm.assertEq(_door.version(), "1.0.0", "version");
    }

    function test_checkMember_members_succeeds() external {
        for (uint256 i; i < 3; ++i) {
            _door.checkMember(_key(i), _possession(i));
        }
        vm.snapshotGasLastCall("QuorumDoor", "checkMember");
    }

    function test_check_IV41_malformed_reverts() external {
        bytes memory proof = _proof();
        _malformed(bytes.concat(proof, bytes1(0)));
        _malformed(_start(proof, proof.length - 1));
        _malformed(_start(proof, 35));
        _malformed("");
        bytes memory shorter = proof;
        shorter[35] = 0x02;
        _malformed(shorter);
    }

    function test_check_IV42_otherKey_reverts() external {
        bytes32 other = keccak256("another quorum");
        vm.expectRevert(
            abi.encodeWithSelector(IEvidenceDoor.EvidenceDoor_WrongKey.selector, _digest(), other)
        );
        _ask(other, _statement(), _proof());
    }

    /// @dev Every byte of the preimage is hashed: names, threshold, and each key.
    function testFuzz_check_IV42_oneBit_reverts(uint256 place, uint8 bit) external {
        bytes memory proof = _proof();
        place = _bound(place, 0, 36 + 3 * 128 - 1);
        vm.assume(place != 34 && place != 35); // the count decides the length, which IV-41 judges
        proof[place] ^= bytes1(uint8(1) << (bit % 8));
        bytes32 found =
            keccak256(bytes.concat("verifiable/quorum-key/v1\x00", _start(proof, 36 + 3 * 128)));
        vm.expectRevert(
            abi.encodeWithSelector(IEvidenceDoor.EvidenceDoor_WrongKey.selector, found, _digest())
        );
        _ask(_digest(), _statement(), proof);
    }

    function test_check_IV43_badQuorum_reverts() external {
        bytes4 why = QuorumDoor.QuorumDoor_BadQuorum.selector;
        _refused("IV-43 no threshold", abi.encodeWithSelector(why, 0, 2));
        _refused("IV-43 threshold above", abi.encodeWithSelector(why, 3, 2));
        _refused("IV-43 too many", abi.encodeWithSelector(why, 1, 33));
    }

    function test_check_IV44_notOrdered_reverts() external {
        bytes4 why = QuorumDoor.QuorumDoor_NotOrdered.selector;
        _refused("IV-44 twice", abi.encodeWithSelector(why, 1));
        _refused("IV-44 other sign", abi.encodeWithSelector(why, 1));
        _refused("IV-44 backwards", abi.encodeWithSelector(why, 1));
        _refused("IV-44 neutral", abi.encodeWithSelector(why, 0));
    }

    function test_check_IV45_trailingBit_reverts() external {
        _refused(
            "IV-45 trailing bit",
            abi.encodeWithSelector(QuorumDoor.QuorumDoor_UnknownSigner.selector, 0x85)
        );
    }

    function test_check_IV46_tooFew_reverts() external {
        _refused(
            "IV-46 one of two",
            abi.encodeWithSelector(QuorumDoor.QuorumDoor_TooFewSigners.selector, 1, 2)
        );
    }

    function test_check_IV47_cancelOut_reverts() external {
        _refused(
            "IV-47 cancel out", abi.encodeWithSelector(QuorumDoor.QuorumDoor_KeysCancelOut.selector)
        );
    }

    function test_check_IV48_otherStatement_reverts() external {
        bytes memory why = abi.encodeWithSelector(QuorumDoor.QuorumDoor_NotSigned.selector);
        vm.expectRevert(why);
        _ask(_digest(), keccak256("another statement"), _proof());
    }

    /// @dev A signature by others than the bitmap names, and one with the other sign.
    function test_check_IV48_otherSigners_reverts() external {
        bytes memory why = abi.encodeWithSelector(QuorumDoor.QuorumDoor_NotSigned.selector);
        bytes memory proof = _proof();
        proof[36 + 3 * 128] = 0x07;
        vm.expectRevert(why);
        _ask(_digest(), _statement(), proof);
        vm.expectRevert(why);
        _ask(_digest(), _statement(), bytes.concat(_start(_proof(), 421), new bytes(256)));
    }

    /// @dev A bit of the signature changed is no point of the group.
    function testFuzz_check_IV49_oneBit_reverts(uint256 place, uint8 bit) external {
        bytes memory proof = _proof();
        proof[_bound(place, 421, proof.length - 1)] ^= bytes1(uint8(1) << (bit % 8));
        vm.expectRevert(abi.encodeWithSelector(Bls12381.Bls12381_NoAnswer.selector, address(0x0f)));
        _ask(_digest(), _statement(), proof);
    }

    function test_checkMember_IV50_neutral_reverts() external {
        vm.expectRevert(abi.encodeWithSelector(QuorumDoor.QuorumDoor_NotPossessed.selector));
        _door.checkMember(new bytes(128), new bytes(256));
    }

    /// @dev Keys made from others': the maker can sign for both together, not for itself.
    function test_checkMember_IV51_notPossessed_reverts() external {
        bytes memory why = abi.encodeWithSelector(QuorumDoor.QuorumDoor_NotPossessed.selector);
        bytes memory key = vm.parseJsonBytes(_json(), ".claimed.long_key");
        bytes memory possession = vm.parseJsonBytes(_json(), ".claimed.possession");
        vm.expectRevert(why);
        _door.checkMember(key, possession);
        bytes memory other = _possession(1);
        key = _key(0);
        vm.expectRevert(why);
        _door.checkMember(key, other);
    }

    /// @dev A signature of the statement, which anybody has, is no proof of possession.
    function test_checkMember_IV51_otherTag_reverts() external {
        bytes memory proof = _proof();
        bytes memory signature = new bytes(256);
        for (uint256 i; i < 256; ++i) {
            signature[i] = proof[421 + i];
        }
        bytes memory key = _key(0);
        vm.expectRevert(abi.encodeWithSelector(QuorumDoor.QuorumDoor_NotPossessed.selector));
        _door.checkMember(key, signature);
    }

    /// @dev More pairings behind the signature could make the product one for any key.
    function test_checkMember_IV52_longer_reverts() external {
        bytes memory key = _key(0);
        bytes memory possession = _possession(0);
        bytes memory longer = bytes.concat(possession, key, possession);
        vm.expectRevert(
            abi.encodeWithSelector(IEvidenceDoor.EvidenceDoor_Malformed.selector, longer.length)
        );
        _door.checkMember(key, longer);
        vm.expectRevert(abi.encodeWithSelector(IEvidenceDoor.EvidenceDoor_Malformed.selector, 512));
        _door.checkMember(bytes.concat(key, possession, key), possession);
    }

    function _refused(string memory name, bytes memory why) private {
        string memory place = string.concat(".refused['", name, "']");
        bytes32 digest = vm.parseJsonBytes32(_json(), string.concat(place, ".key_digest"));
        bytes memory proof = vm.parseJsonBytes(_json(), string.concat(place, ".proof"));
        bytes32 statement = _statement();
        vm.expectRevert(why);
        _ask(digest, statement, proof);
    }

    function _malformed(bytes memory proof) private {
        bytes32 digest = _digest();
        bytes32 statement = _statement();
        vm.expectRevert(
            abi.encodeWithSelector(IEvidenceDoor.EvidenceDoor_Malformed.selector, proof.length)
        );
        _ask(digest, statement, proof);
    }

    function _ask(bytes32 keyDigest, bytes32 statementDigest, bytes memory proof)
        private
        view
        returns (bool)
    {
        return _door.check(
            IEvidenceDoor.Pinned(bytes32(0), bytes32(0), bytes32(0), 1, 10, keyDigest),
            IEvidenceDoor.Statement(bytes32(0), bytes32(0), bytes32(0), bytes32(0)),
            statementDigest,
            proof
        );
    }

    function _json() private view returns (string memory) {
        return vm.readFile("../tests/vectors/quorum.json");
    }

    function _start(bytes memory data, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i; i < length; ++i) {
            part[i] = data[i];
        }
    }

    function _digest() private view returns (bytes32) {
        return vm.parseJsonBytes32(_json(), ".quorum.key_digest");
    }

    function _statement() private view returns (bytes32) {
        return vm.parseJsonBytes32(_json(), ".statement.digest");
    }

    function _proof() private view returns (bytes memory) {
        return vm.parseJsonBytes(_json(), ".quorum.proof");
    }

    function _key(uint256 index) private view returns (bytes memory) {
        return vm.parseJsonBytes(
            _json(), string.concat(".quorum.members[", vm.toString(index), "].long_key")
        );
    }

    function _possession(uint256 index) private view returns (bytes memory) {
        return vm.parseJsonBytes(
            _json(), string.concat(".quorum.members[", vm.toString(index), "].possession")
        );
    }
}

/// @notice A chain without the precompiles, or with ones that say yes to all, gets no door.
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract QuorumDoor_Precompiles_Test is TestBase {
    bytes private constant MISSING =
        abi.encodeWithSelector(Bls12381.Bls12381_NoAnswer.selector, address(0x0f));

    /// @dev A chain of Cancun's rules has nothing there, and a call to nothing succeeds.
    /// forge-config: default.hardfork = "cancun"
    /// forge-config: thorough.hardfork = "cancun"
    function test_constructor_IV49_absent_reverts() external {
        vm.expectRevert(MISSING);
        new QuorumDoor();
    }

    function test_constructor_IV40_alwaysYes_reverts() external {
        PlantCheats(address(vm)).mockCall(address(0x0f), "", abi.encode(uint256(1)));
        vm.expectRevert(MISSING);
        new QuorumDoor();
    }

    function test_constructor_IV40_alwaysNo_reverts() external {
        PlantCheats(address(vm)).mockCall(address(0x0f), "", abi.encode(uint256(0)));
        vm.expectRevert(MISSING);
        new QuorumDoor();
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {EzklDoor} from "../../src/inference/EzklDoor.sol";
import {IEvidenceDoor} from "../../src/inference/IEvidenceDoor.sol";
import {IReusableVerifier} from "../../src/inference/IReusableVerifier.sol";
import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice Stands where ezkl's verifier stands, which is no part of this project, and accepts one
///         call only: that of the honest evidence. pytest has the genuine one.
contract VerifierStandIn {
    bytes32 private _expected;
    bytes private _answer;
    bool private _refusing;

    function expect(bytes calldata call, bytes calldata answer, bool refusing) external {
        _expected = keccak256(call);
        _answer = answer;
        _refusing = refusing;
    }

    fallback() external {
        bytes memory answer = keccak256(msg.data) == _expected ? _answer : bytes("");
        bool refusing = keccak256(msg.data) != _expected || _refusing;
        assembly {
            if refusing { revert(add(answer, 32), mload(answer)) }
            return(add(answer, 32), mload(answer))
        }
    }
}

/// @notice Evidence of a program with two inputs and one output, and all that it could be told by.
abstract contract EzklKit is TestBase {
    uint256 internal constant FIELD =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @notice Evidence before it is encoded.
    struct Parts {
        bytes key;
        bytes schema;
        bytes inputs;
        bytes outputs;
        bytes vka;
        bytes halo2;
    }

    VerifierStandIn internal verifier;
    EzklDoor internal door;
    IDisputeGame.Schema internal schema;

    function setUp() public virtual {
        verifier = new VerifierStandIn();
        bytes32 ceremony = keccak256(_slice(_vka(1), 640, 768));
        door = new EzklDoor(address(verifier), address(verifier).codehash, ceremony);
        schema.nodeCount = 1;
        schema.inputs.push(_spec("a", 2, 3, 1, -100, 100));
        schema.inputs.push(_spec("b", 1, 2, 2, -1000, 1000));
        schema.outputs.push(_spec("y", 1, 2, 4, type(int32).min, 9));
        schema.outputIds.push(0);
        _expectHonest();
    }

    /// @dev Lets the stand-in accept the honest call as the genuine contract would.
    function _expectHonest() internal {
        Parts memory parts = _honest();
        verifier.expect(
            _call(parts, _instances(bytes32(0))), abi.encode(1, keccak256(parts.vka), 3, 7), false
        );
    }

    function _honest() internal view returns (Parts memory parts) {
        parts.vka = _vka(1);
        parts.halo2 = abi.encode("a proof", "of two", "words");
        parts.key = _key(parts, 0x00);
        parts.schema = abi.encode(schema);
        parts.inputs = bytes.concat(
            int8Bytes(1),
            int8Bytes(-2),
            int8Bytes(100),
            int8Bytes(-100),
            int8Bytes(0),
            int8Bytes(7),
            int16Bytes(-1000),
            int16Bytes(513)
        );
        parts.outputs = bytes.concat(int32Bytes(type(int32).min), int32Bytes(9));
    }

    /// @dev What the circuit of the honest evidence would be given, written out.
    function _instances(bytes32 context) internal pure returns (uint256[] memory all) {
        all = new uint256[](8 + 16 + 2 + 1);
        (all[0], all[1], all[2], all[3]) = (1, FIELD - 2, 100, FIELD - 100);
        (all[5], all[6], all[7]) = (7, FIELD - 1000, 513);
        for (uint256 i = 0; i < 16; ++i) {
            all[8 + i] = 256 * uint8(context[2 * i]) + uint8(context[2 * i + 1]);
        }
        (all[24], all[25]) = (FIELD - (1 << 31), 9);
    }

    function _statement() internal view returns (IEvidenceDoor.Statement memory) {
        Parts memory parts = _honest();
        bytes32 a = _leaf(_slice(parts.inputs, 0, 6));
        bytes32 b = _leaf(_slice(parts.inputs, 6, 10));
        a = keccak256(bytes.concat(hex"03", bytes4(uint32(0)), a));
        b = keccak256(bytes.concat(hex"03", bytes4(uint32(1)), b));
        return IEvidenceDoor.Statement({
            programRoot: keccak256("program"),
            inputRoot: keccak256(bytes.concat(hex"01", a, b)),
            outputRoot: _leaf(parts.outputs),
            context: bytes32(0)
        });
    }

    function _pinned() internal view returns (IEvidenceDoor.Pinned memory) {
        return IEvidenceDoor.Pinned({
            recordId: keccak256("record"),
            programRoot: keccak256("program"),
            schemaHash: keccak256(bytes.concat(hex"0c", abi.encode(schema))),
            specVersion: 1,
            leafLog2: 5,
            keyDigest: keccak256(_honest().key)
        });
    }

    function _key(Parts memory parts, bytes1 visibility) internal pure returns (bytes memory) {
        return bytes.concat(
            "verifiable/ezkl-key/v2",
            hex"0006",
            "23.0.5",
            keccak256("vk"),
            keccak256("settings"),
            new bytes(128),
            visibility,
            keccak256(parts.vka),
            bytes4(uint32(parts.halo2.length))
        );
    }

    function _call(Parts memory parts, uint256[] memory instances)
        internal
        pure
        returns (bytes memory)
    {
        bytes32[] memory words = new bytes32[](parts.vka.length / 32);
        for (uint256 i = 0; i < words.length; ++i) {
            words[i] = bytes32(_slice(parts.vka, 32 * i, 32 * i + 32));
        }
        return abi.encodeCall(IReusableVerifier.verifyProof, (parts.halo2, instances, words));
    }

    function _vka(uint256 seed) internal pure returns (bytes memory words) {
        for (uint256 i = 0; i < 40; ++i) {
            words = bytes.concat(words, keccak256(abi.encode(seed, i)));
        }
    }

    function _encoded(Parts memory parts) internal pure returns (bytes memory) {
        return
            abi.encode(parts.key, parts.schema, parts.inputs, parts.outputs, parts.vka, parts.halo2);
    }

    function _ask(
        IEvidenceDoor.Pinned memory pinned,
        IEvidenceDoor.Statement memory statement,
        Parts memory parts
    ) internal returns (bool) {
        return door.check(pinned, statement, keccak256("statement"), _encoded(parts));
    }

    /// @dev The door has to refuse by an error.
    function _refused(
        IEvidenceDoor.Pinned memory pinned,
        IEvidenceDoor.Statement memory statement,
        Parts memory parts,
        bytes memory why
    ) internal {
        bytes memory proof = _encoded(parts);
        vm.expectRevert(why);
        door.check(pinned, statement, keccak256("statement"), proof);
    }

    function _leaf(bytes memory data) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", data, new bytes(32 - data.length)));
    }

    function _slice(bytes memory data, uint256 from, uint256 to)
        internal
        pure
        returns (bytes memory part)
    {
        part = new bytes(to - from);
        for (uint256 i = 0; i < part.length; ++i) {
            part[i] = data[from + i];
        }
    }

    function int8Bytes(int8 value) internal pure returns (bytes1) {
        return bytes1(uint8(value));
    }

    function int16Bytes(int16 value) internal pure returns (bytes2) {
        return bytes2(uint16(value));
    }

    function int32Bytes(int32 value) internal pure returns (bytes4) {
        return bytes4(uint32(value));
    }

    function _spec(string memory name, uint32 rows, uint32 columns, uint8 width, int64 lo, int64 hi)
        private
        pure
        returns (IDisputeGame.TensorSpec memory spec)
    {
        spec.name = name;
        spec.shape = new uint32[](2);
        (spec.shape[0], spec.shape[1]) = (rows, columns);
        (spec.width, spec.lo, spec.hi) = (width, lo, hi);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Commitments} from "../optimistic/Commitments.sol";
import {IDisputeGame} from "../optimistic/IDisputeGame.sol";
import {IEvidenceDoor} from "./IEvidenceDoor.sol";
import {IReusableVerifier} from "./IReusableVerifier.sol";
import {TensorRoots} from "./TensorRoots.sol";

/// @title EzklDoor
/// @notice Has ezkl's reusable verifier check a Halo2 proof against the public values of a statement.
/// @dev The verifier takes any circuit and any values: that they are those of the program and of the
///      statement is decided here. It says no by a revert without data, which lack of gas looks like
///      too. So this contract reverts as well, and nobody may take that as evidence of anything.
///      `docs/backends/ezkl-on-chain.md` describes the bytes that it takes.
contract EzklDoor is IEvidenceDoor {
    /// @dev Domain of the digest of a key; the length of the version's text and the text follow.
    bytes private constant KEY_DOMAIN = "verifiable/ezkl-key/v2\x00";

    /// @dev Bytes of a key after its version: two digests, a point, and what is read here.
    uint256 private constant KEY_REST = 229;

    /// @dev Where what is read begins, from the end: visibility (1), digest (32), length (4).
    uint256 private constant VISIBILITY_FROM_END = 37;
    uint256 private constant DIGEST_FROM_END = 36;
    uint256 private constant LENGTH_FROM_END = 4;

    /// @dev The version of the commitments that this contract implements.
    uint16 private constant SPEC_VERSION = 1;

    /// @dev Order of the scalar field of BN254.
    uint256 private constant FIELD =
        0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;

    /// @dev A context is sixteen public values of 16 bits.
    uint256 private constant LIMBS = 16;

    /// @dev Where the reference string's second G2 point stands in a verification key artifact.
    uint256 private constant POINT_FROM = 640;
    uint256 private constant POINT_TO = 768;

    /// @dev Sections of the evidence.
    uint256 private constant KEY = 0;
    uint256 private constant SCHEMA = 1;
    uint256 private constant INPUTS = 2;
    uint256 private constant OUTPUTS = 3;
    uint256 private constant VKA = 4;
    uint256 private constant PROOF = 5;
    uint256 private constant SECTIONS = 6;

    address private immutable VERIFIER;
    bytes32 private immutable CEREMONY;

    /// @notice The record is of another version of the commitments.
    /// @param specVersion Of the record.
    error EzklDoor_SpecVersion(uint16 specVersion);

    /// @notice The circuit shows hashes of its inputs, from which no input root can be told.
    error EzklDoor_HashedInputs();

    /// @notice The schema is not the program's.
    /// @param found Digest of what was sent.
    /// @param pinned Digest in the record.
    error EzklDoor_WrongSchema(bytes32 found, bytes32 pinned);

    /// @notice The values are more or fewer than the schema says.
    /// @param section 2 for inputs, 3 for outputs.
    /// @param length What was sent, in bytes.
    error EzklDoor_WrongSize(uint256 section, uint256 length);

    /// @notice A value lies outside its tensor's bounds, where the circuit says nothing.
    /// @param section 2 for inputs, 3 for outputs.
    /// @param value The value.
    error EzklDoor_OutOfBounds(uint256 section, int256 value);

    /// @notice The values are not those of the statement.
    /// @param section 2 for inputs, 3 for outputs.
    /// @param found Root of what was sent.
    /// @param stated Root in the statement.
    error EzklDoor_WrongValues(uint256 section, bytes32 found, bytes32 stated);

    /// @notice The verification key artifact is not the one that the key pins.
    /// @param found Digest of what was sent.
    /// @param pinned Digest in the key.
    error EzklDoor_WrongArtifact(bytes32 found, bytes32 pinned);

    /// @notice The proof has another length than all proofs of the circuit.
    /// @param found Bytes that were sent.
    /// @param pinned Bytes that the key says.
    error EzklDoor_WrongProofLength(uint256 found, uint256 pinned);

    /// @notice Nobody told the verifier of this artifact yet (`registerVka`); anybody may.
    /// @param digest Of the artifact.
    error EzklDoor_NotRegistered(bytes32 digest);

    /// @notice The verifier did not accept the proof, or had too little gas to.
    error EzklDoor_NotAccepted();

    /// @notice What is read of a key.
    /// @param artifact Digest of the verification key artifact.
    /// @param proofLength Bytes of every proof.
    struct Opened {
        bytes32 artifact;
        uint256 proofLength;
    }

    /// @notice Public values while they are gathered, in the circuit's order.
    /// @param values Field elements.
    /// @param count How many there are.
    struct Instances {
        uint256[] values;
        uint256 count;
    }

    /// @param target ezkl's reusable verifier, as this release compiles it.
    /// @param codeHash Hash of its code.
    /// @param ceremonyDigest Hash of the words of an artifact that name the reference string whose
    ///        secret nobody knows. Proofs under all others count as simulated.
    constructor(address target, bytes32 codeHash, bytes32 ceremonyDigest) {
        // INVARIANT IV-20: the verifier has the code that was looked at; what has none accepts all.
        if (target.code.length == 0 || target.codehash != codeHash) {
            revert EvidenceDoor_WrongCode(target, target.codehash, codeHash);
        }

        VERIFIER = target;
        CEREMONY = ceremonyDigest;
    }

    /// @inheritdoc IEvidenceDoor
    function check(
        Pinned calldata pinned,
        Statement calldata statement,
        bytes32,
        bytes calldata proof
    ) external returns (bool simulated) {
        _demandCanonical(proof);

        // INVARIANT IV-21: roots are computed by the rules of the record's version.
        if (pinned.specVersion != SPEC_VERSION) revert EzklDoor_SpecVersion(pinned.specVersion);

        Opened memory key = _open(_section(proof, KEY), pinned.keyDigest);
        Instances memory instances = _instances(pinned, statement, proof);
        bytes calldata vka = _section(proof, VKA);
        bytes calldata halo2 = _section(proof, PROOF);
        if (vka.length < POINT_TO || vka.length % 32 != 0) {
            revert EvidenceDoor_Malformed(proof.length);
        }

        // INVARIANT IV-22: an artifact is a program for the verifier; only the pinned one is run.
        if (keccak256(vka) != key.artifact) {
            revert EzklDoor_WrongArtifact(keccak256(vka), key.artifact);
        }

        // INVARIANT IV-23: the verifier ignores what follows a proof, so nothing may.
        if (halo2.length != key.proofLength) {
            revert EzklDoor_WrongProofLength(halo2.length, key.proofLength);
        }

        _run(halo2, instances.values, vka, key.artifact);

        // INVARIANT IV-24: who made another reference string can forge proofs under it.
        simulated = keccak256(vka[POINT_FROM:POINT_TO]) != CEREMONY;
    }

    /// @notice The verifier that is asked.
    /// @return target Its address.
    function verifier() external view returns (address target) {
        target = VERIFIER;
    }

    /// @notice Which reference string is not a simulation.
    /// @return digest Hash of the four words that name it in an artifact.
    function ceremony() external view returns (bytes32 digest) {
        digest = CEREMONY;
    }

    /// @inheritdoc IEvidenceDoor
    function version() external pure returns (string memory number) {
        number = "1.0.0";
    }

    /// @dev Asks the verifier. Its declared result is not what it returns: after the two words that
    ///      are read here come rounded values without layout.
    /// @param halo2 The proof.
    /// @param instances The public values.
    /// @param vka The artifact.
    /// @param artifact Its digest.
    function _run(
        bytes calldata halo2,
        uint256[] memory instances,
        bytes calldata vka,
        bytes32 artifact
    ) private {
        bytes memory head = abi.encode(
            96, 128 + halo2.length, 160 + halo2.length + 32 * instances.length, halo2.length
        );
        (bool done, bytes memory answer) = VERIFIER.call(
            bytes.concat(
                IReusableVerifier.verifyProof.selector,
                head,
                halo2,
                abi.encodePacked(instances.length, instances),
                bytes32(vka.length / 32),
                vka
            )
        );
        if (!done && keccak256(answer) == keccak256(_unregistered())) {
            revert EzklDoor_NotRegistered(artifact);
        }

        // INVARIANT IV-25: the call came back, the first word is 1, the second names the artifact.
        if (!done || answer.length < 64) revert EzklDoor_NotAccepted();
        (uint256 valid, bytes32 digest) = abi.decode(answer, (uint256, bytes32));
        if (valid != 1 || digest != artifact) revert EzklDoor_NotAccepted();
    }

    /// @dev Reads a key.
    /// @param preimage Of its digest.
    /// @param pinned Its digest.
    /// @return key What is needed of it.
    function _open(bytes calldata preimage, bytes32 pinned)
        private
        pure
        returns (Opened memory key)
    {
        // INVARIANT IV-26: what was opened is the key that the record pins.
        if (keccak256(preimage) != pinned) {
            revert EvidenceDoor_WrongKey(keccak256(preimage), pinned);
        }

        // INVARIANT IV-27: it is a key of this form; a field of another would be read as these.
        uint256 domain = KEY_DOMAIN.length;
        if (
            preimage.length <= domain
                || preimage.length != domain + 1 + uint8(preimage[domain]) + KEY_REST
                || keccak256(preimage[:domain]) != keccak256(KEY_DOMAIN)
        ) {
            revert EvidenceDoor_Malformed(preimage.length);
        }

        // INVARIANT IV-28: the first public values are the inputs themselves.
        uint256 end = preimage.length;
        if (preimage[end - VISIBILITY_FROM_END] != 0x00) revert EzklDoor_HashedInputs();

        key.artifact = bytes32(preimage[end - DIGEST_FROM_END:end - LENGTH_FROM_END]);
        key.proofLength = uint32(bytes4(preimage[end - LENGTH_FROM_END:]));
    }

    /// @dev The public values of a statement: inputs, context, outputs, and a zero, which is by how
    ///      much the circuit's remainders exceed half their divisors.
    /// @param pinned What the record says.
    /// @param statement What is to be shown.
    /// @param proof The evidence.
    /// @return instances All of them.
    function _instances(Pinned calldata pinned, Statement calldata statement, bytes calldata proof)
        private
        pure
        returns (Instances memory instances)
    {
        IDisputeGame.Schema memory schema = _schema(_section(proof, SCHEMA), pinned.schemaHash);
        instances.values = new uint256[](_count(schema.inputs) + LIMBS + _count(schema.outputs) + 1);

        // INVARIANT IV-29: the proof is about the very input that the statement names.
        bytes32 root = _gather(instances, schema.inputs, proof, INPUTS, pinned.leafLog2);
        if (root != statement.inputRoot) {
            revert EzklDoor_WrongValues(INPUTS, root, statement.inputRoot);
        }

        // INVARIANT IV-30: a proof serves the use that it was made for.
        for (uint256 i = LIMBS; i > 0; --i) {
            uint256 limb = (uint256(statement.context) >> (16 * (i - 1))) & 0xffff;
            instances.values[instances.count++] = limb;
        }

        // INVARIANT IV-31: and about the very output.
        root = _gather(instances, schema.outputs, proof, OUTPUTS, pinned.leafLog2);
        if (root != statement.outputRoot) {
            revert EzklDoor_WrongValues(OUTPUTS, root, statement.outputRoot);
        }
    }

    /// @dev Appends the values of all inputs or all outputs to the instances.
    /// @param instances Have room for them.
    /// @param specs Of the tensors.
    /// @param proof The evidence.
    /// @param section Where their elements stand, packed, one tensor after the other.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @return root Over all.
    function _gather(
        Instances memory instances,
        IDisputeGame.TensorSpec[] memory specs,
        bytes calldata proof,
        uint256 section,
        uint8 leafLog2
    ) private pure returns (bytes32 root) {
        bytes calldata data = _section(proof, section);
        uint256 sent = data.length;
        bytes32[] memory roots = new bytes32[](specs.length);
        for (uint256 i = 0; i < specs.length; ++i) {
            uint256 size = _elements(specs[i]) * specs[i].width;

            // INVARIANT IV-33: no value is left out, and none is hidden behind the last one.
            bool last = i + 1 == specs.length;
            if (size > data.length || (last && size != data.length)) {
                revert EzklDoor_WrongSize(section, sent);
            }

            _append(instances, specs[i], data[:size], section);
            roots[i] = TensorRoots.rootOf(data[:size], leafLog2);
            data = data[size:];
        }
        root = TensorRoots.rootOfAll(roots);
    }

    /// @dev Appends the values of one tensor.
    /// @param instances Have room for them.
    /// @param spec Of the tensor.
    /// @param data Its elements, signed, big-endian, each as wide as the spec says.
    /// @param section For errors.
    function _append(
        Instances memory instances,
        IDisputeGame.TensorSpec memory spec,
        bytes calldata data,
        uint256 section
    ) private pure {
        uint256 width = spec.width;
        uint256 shift = 256 - 8 * width;
        (int256 lo, int256 hi) = (spec.lo, spec.hi);
        uint256 count = instances.count;
        for (uint256 from = 0; from < data.length; from += width) {
            int256 value = int256(uint256(bytes32(data[from:]))) >> shift;

            // INVARIANT IV-32: the circuit is exact inside these bounds, and only there.
            if (value < lo || value > hi) revert EzklDoor_OutOfBounds(section, value);

            // forge-lint: disable-next-line(unsafe-typecast)
            instances.values[count++] = value < 0 ? FIELD - uint256(-value) : uint256(value);
        }
        instances.count = count;
    }

    /// @dev Number of values of all inputs or all outputs.
    /// @param specs Of the tensors.
    /// @return count How many there are.
    function _count(IDisputeGame.TensorSpec[] memory specs) private pure returns (uint256 count) {
        for (uint256 i = 0; i < specs.length; ++i) {
            count += _elements(specs[i]);
        }
    }

    /// @dev Number of values of a tensor.
    /// @param spec Of the tensor.
    /// @return count Product of its axes.
    function _elements(IDisputeGame.TensorSpec memory spec) private pure returns (uint256 count) {
        count = 1;
        for (uint256 i = 0; i < spec.shape.length; ++i) {
            count *= spec.shape[i];
        }
    }

    /// @dev Reads a schema.
    /// @param encoded `abi.encode(Schema)`.
    /// @param pinned Its digest.
    /// @return schema What it says.
    function _schema(bytes calldata encoded, bytes32 pinned)
        private
        pure
        returns (IDisputeGame.Schema memory schema)
    {
        // INVARIANT IV-34: shapes, widths and bounds are the program's.
        bytes32 found = Commitments.schemaDigest(encoded);
        if (found != pinned) revert EzklDoor_WrongSchema(found, pinned);

        schema = abi.decode(encoded, (IDisputeGame.Schema));
    }

    /// @dev Reverts unless the evidence is `abi.encode` of as many `bytes` as there are sections.
    /// @param proof The evidence.
    function _demandCanonical(bytes calldata proof) private pure {
        uint256 size = proof.length;
        uint256 from = 32 * SECTIONS;
        for (uint256 i = 0; i < SECTIONS; ++i) {
            // INVARIANT IV-35: one proof has one encoding; sections follow each other, then nothing.
            if (size < from + 32 || uint256(bytes32(proof[32 * i:])) != from) {
                revert EvidenceDoor_Malformed(size);
            }
            uint256 length = uint256(bytes32(proof[from:]));
            from += 32;
            if (length > size - from) revert EvidenceDoor_Malformed(size);
            uint256 end = from + length;
            from = (end + 31) / 32 * 32;
            if (from > size || bytes32(proof[end:from]) != 0) revert EvidenceDoor_Malformed(size);
        }
        if (from != size) revert EvidenceDoor_Malformed(size);
    }

    /// @dev One of the sections of evidence.
    /// @param proof The evidence, whose encoding was checked.
    /// @param index Which one.
    /// @return content A part of the evidence.
    function _section(bytes calldata proof, uint256 index)
        private
        pure
        returns (bytes calldata content)
    {
        uint256 from = uint256(bytes32(proof[32 * index:]));
        uint256 length = uint256(bytes32(proof[from:]));
        content = proof[from + 32:from + 32 + length];
    }

    /// @dev How the verifier says that it does not know an artifact.
    /// @return reason What it reverts with.
    function _unregistered() private pure returns (bytes memory reason) {
        reason = abi.encodeWithSignature("Error(string)", "VKA not registered");
    }
}

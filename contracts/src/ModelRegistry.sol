// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModelRegistry} from "./interfaces/IModelRegistry.sol";

/// @title ModelRegistry
/// @notice Records which program a registrant vouches for, and under which verification keys.
/// @dev No owner, no proxy, no constructor, no value, no call to another contract, no clock. What
///      can change of a record is listed in the interface, and only its registrant changes it. The
///      ids MR-* stand at each guard, in the tests and in `docs/security.md`.
contract ModelRegistry is IModelRegistry {
    /// @dev First byte of the preimage of a program root.
    bytes1 private constant PROGRAM_DOMAIN = 0x04;

    /// @dev First byte of the preimage of a schema's hash.
    bytes1 private constant SCHEMA_DOMAIN = 0x0c;

    /// @dev Records by name; one without registrant does not exist.
    mapping(bytes32 recordId => Record record) private _records;

    /// @dev Key digests; zero is "none".
    mapping(bytes32 recordId => mapping(bytes4 backend => bytes32 keyDigest)) private _keys;

    /// @dev Names of the records that replace deprecated ones; zero is "none".
    mapping(bytes32 recordId => bytes32 successor) private _successors;

    /// @dev Hints where more may be found.
    mapping(bytes32 recordId => string uri) private _uris;

    /// @inheritdoc IModelRegistry
    function registerModel(
        Program calldata program,
        BackendKey[] calldata keys,
        bool freezeNow,
        string calldata uri
    ) external returns (bytes32 recordId) {
        recordId = _register(program, uri);
        for (uint256 i = 0; i < keys.length; ++i) {
            _setKey(recordId, keys[i].backend, keys[i].keyDigest);
        }
        if (freezeNow) _freeze(recordId);
    }

    /// @inheritdoc IModelRegistry
    function addBackend(bytes32 recordId, bytes4 backend, bytes32 keyDigest) external {
        Record storage record = _ownRecord(recordId);

        // INVARIANT MR-4: what a frozen record trusts does not grow.
        if (record.frozen) revert ModelRegistry_Frozen(recordId);

        _setKey(recordId, backend, keyDigest);
    }

    /// @inheritdoc IModelRegistry
    function freeze(bytes32 recordId) external {
        Record storage record = _ownRecord(recordId);

        // INVARIANT MR-4: a record is frozen once, and each `RecordFrozen` says something new.
        if (record.frozen) revert ModelRegistry_Frozen(recordId);

        _freeze(recordId);
    }

    /// @inheritdoc IModelRegistry
    function deprecate(bytes32 recordId, bytes32 successor) external {
        Record storage record = _ownRecord(recordId);

        // INVARIANT MR-7: a record is deprecated once, so its successor never changes.
        if (record.deprecated) revert ModelRegistry_AlreadyDeprecated(recordId);

        // INVARIANT MR-8: a successor is another record, and it exists.
        if (successor == recordId) revert ModelRegistry_SelfSuccessor(recordId);
        if (successor != bytes32(0)) _knownRecord(successor);

        record.deprecated = true;
        _successors[recordId] = successor;
        emit RecordDeprecated(recordId, successor);
    }

    /// @inheritdoc IModelRegistry
    function setMetadataURI(bytes32 recordId, string calldata uri) external {
        _ownRecord(recordId);

        _uris[recordId] = uri;
        emit MetadataURIChanged(recordId, uri);
    }

    /// @inheritdoc IModelRegistry
    function recordOf(bytes32 recordId) external view returns (Record memory record) {
        record = _knownRecord(recordId);
    }

    /// @inheritdoc IModelRegistry
    function exists(bytes32 recordId) external view returns (bool known) {
        known = _exists(recordId);
    }

    /// @inheritdoc IModelRegistry
    function programOf(bytes32 recordId) external view returns (bytes32 programRoot) {
        programRoot = _knownRecord(recordId).programRoot;
    }

    /// @inheritdoc IModelRegistry
    function keyOf(bytes32 recordId, bytes4 backend) external view returns (bytes32 keyDigest) {
        _knownRecord(recordId);
        keyDigest = _keys[recordId][backend];
    }

    /// @inheritdoc IModelRegistry
    function uriOf(bytes32 recordId) external view returns (string memory uri) {
        _knownRecord(recordId);
        uri = _uris[recordId];
    }

    /// @inheritdoc IModelRegistry
    function successorOf(bytes32 recordId) external view returns (bytes32 successor) {
        _knownRecord(recordId);
        successor = _successors[recordId];
    }

    /// @inheritdoc IModelRegistry
    function recordIdOf(address registrant, bytes32 programRoot)
        external
        pure
        returns (bytes32 recordId)
    {
        recordId = _recordIdOf(registrant, programRoot);
    }

    /// @inheritdoc IModelRegistry
    function version() external pure returns (string memory number) {
        number = "1.0.0";
    }

    /// @dev Computes both hashes, stores the record and its URI, says so.
    /// @param program The opened preimage of the program root.
    /// @param uri Where more may be found.
    /// @return recordId Name of the new record.
    function _register(Program calldata program, string calldata uri)
        private
        returns (bytes32 recordId)
    {
        // INVARIANT MR-1: hashes are computed from what they bind, never taken from the caller.
        bytes32 schemaHash = keccak256(abi.encodePacked(SCHEMA_DOMAIN, program.schema));
        bytes32 programRoot = _programRoot(program, schemaHash);

        // INVARIANT MR-2: the caller is part of the name, so a record is only ever its maker's.
        recordId = _recordIdOf(msg.sender, programRoot);

        // INVARIANT MR-2: a record is made once; nothing overwrites it.
        if (_exists(recordId)) revert ModelRegistry_AlreadyRegistered(recordId);

        Record storage record = _records[recordId];
        record.registrant = msg.sender;
        // forge-lint: disable-next-line(unsafe-typecast)
        record.registeredAt = uint48(block.number); // enough for 10^8 years of blocks
        record.specVersion = program.specVersion;
        record.leafLog2 = program.leafLog2;
        record.programRoot = programRoot;
        record.graphRoot = program.graphRoot;
        record.weightsRoot = program.weightsRoot;
        record.tablesRoot = program.tablesRoot;
        record.schemaHash = schemaHash;
        if (bytes(uri).length != 0) _uris[recordId] = uri;
        emit ModelRegistered(recordId, msg.sender, programRoot, program, uri);
    }

    /// @dev Sets a key of a record that the caller may add to.
    /// @param recordId Name of the record.
    /// @param backend Selector of the backend.
    /// @param keyDigest Digest of the key.
    function _setKey(bytes32 recordId, bytes4 backend, bytes32 keyDigest) private {
        // INVARIANT MR-5: zero means "none", so it is no key.
        if (keyDigest == bytes32(0)) revert ModelRegistry_ZeroKey(backend);

        // INVARIANT MR-6: a key is set once and never changes.
        bytes32 standing = _keys[recordId][backend];
        if (standing != bytes32(0)) {
            revert ModelRegistry_KeyAlreadySet(recordId, backend, standing);
        }

        _keys[recordId][backend] = keyDigest;
        emit BackendAdded(recordId, backend, keyDigest);
    }

    /// @dev Freezes a record that is not frozen.
    /// @param recordId Name of the record.
    function _freeze(bytes32 recordId) private {
        _records[recordId].frozen = true;
        emit RecordFrozen(recordId);
    }

    /// @dev The record, if the caller may change it.
    /// @param recordId Name of the record.
    /// @return record In storage.
    function _ownRecord(bytes32 recordId) private view returns (Record storage record) {
        record = _knownRecord(recordId);

        // INVARIANT MR-3: only its registrant changes a record.
        if (record.registrant != msg.sender) {
            revert ModelRegistry_NotRegistrant(recordId, msg.sender);
        }
    }

    /// @dev The record, if there is one.
    /// @param recordId Name of the record.
    /// @return record In storage.
    function _knownRecord(bytes32 recordId) private view returns (Record storage record) {
        // INVARIANT MR-9: nobody reads zeros for a record that is not there.
        if (!_exists(recordId)) revert ModelRegistry_UnknownRecord(recordId);

        record = _records[recordId];
    }

    /// @dev Whether a record of this name was made.
    /// @param recordId Any name.
    /// @return known True if it was.
    function _exists(bytes32 recordId) private view returns (bool known) {
        known = _records[recordId].registrant != address(0);
    }

    /// @dev Root of a program; all members have a fixed width, so the packed encoding is one-to-one.
    /// @param program The opened preimage.
    /// @param schemaHash Hash of its schema.
    /// @return programRoot As `docs/formats/commitments.md` defines it.
    function _programRoot(Program calldata program, bytes32 schemaHash)
        private
        pure
        returns (bytes32 programRoot)
    {
        programRoot = keccak256(
            abi.encodePacked(
                PROGRAM_DOMAIN,
                program.specVersion,
                program.leafLog2,
                program.graphRoot,
                program.weightsRoot,
                program.tablesRoot,
                schemaHash
            )
        );
    }

    /// @dev See `recordIdOf`.
    /// @param registrant Who registers.
    /// @param programRoot Root of the program.
    /// @return recordId Name of the record.
    function _recordIdOf(address registrant, bytes32 programRoot)
        private
        pure
        returns (bytes32 recordId)
    {
        recordId = keccak256(abi.encodePacked(registrant, programRoot));
    }
}

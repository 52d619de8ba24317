// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title IModelRegistry
/// @notice Records which program a registrant vouches for, and under which verification keys.
/// @dev A record is named by its registrant and its program root together, so nobody can take, spoil
///      or squat another's record. Which registrant to trust is the reader's to decide: anyone may
///      register anything. The preimages are those of `docs/formats/commitments.md`, and
///      `docs/formats/registry.md` describes records, keys and events.
interface IModelRegistry {
    /// @notice The opened preimage of a program root.
    /// @param specVersion Version of the commitments.
    /// @param leafLog2 Base-2 logarithm of the bytes in one leaf of a tensor.
    /// @param graphRoot Root over the node descriptors.
    /// @param weightsRoot Root over the weights.
    /// @param tablesRoot Root over the lookup tables.
    /// @param schema `abi.encode(Schema)`: names, shapes, scales and bounds of inputs and outputs.
    struct Program {
        uint16 specVersion;
        uint8 leafLog2;
        bytes32 graphRoot;
        bytes32 weightsRoot;
        bytes32 tablesRoot;
        bytes schema;
    }

    /// @notice The key under which a backend's proofs of a program are checked.
    /// @param backend First four bytes of keccak256 of the backend's id.
    /// @param keyDigest Digest of the key as the backend defines it; never zero.
    struct BackendKey {
        bytes4 backend;
        bytes32 keyDigest;
    }

    /// @notice What stands in the registry of one program of one registrant.
    /// @param registrant Who made the record and alone may change what can change.
    /// @param registeredAt Number of the block that made it.
    /// @param specVersion As registered, see `Program`.
    /// @param leafLog2 As registered, see `Program`.
    /// @param frozen No key can be added any more.
    /// @param deprecated The registrant advises against the record.
    /// @param programRoot Computed here from the registered program.
    /// @param graphRoot As registered, see `Program`.
    /// @param weightsRoot As registered, see `Program`.
    /// @param tablesRoot As registered, see `Program`.
    /// @param schemaHash Computed here from the registered schema.
    struct Record {
        address registrant;
        uint48 registeredAt;
        uint16 specVersion;
        uint8 leafLog2;
        bool frozen;
        bool deprecated;
        bytes32 programRoot;
        bytes32 graphRoot;
        bytes32 weightsRoot;
        bytes32 tablesRoot;
        bytes32 schemaHash;
    }

    /// @notice A record was made. Its keys, if any, follow as `BackendAdded`.
    /// @param recordId Name of the record.
    /// @param registrant Who made it.
    /// @param programRoot Root of the program.
    /// @param program The opened preimage, so that a reader of events needs no other source.
    /// @param uri Where more may be found: a hint that nothing binds.
    event ModelRegistered(
        bytes32 indexed recordId,
        address indexed registrant,
        bytes32 indexed programRoot,
        Program program,
        string uri
    );

    /// @notice A key was set; it stays for ever.
    /// @param recordId Name of the record.
    /// @param backend Selector of the backend.
    /// @param keyDigest Digest of the key.
    event BackendAdded(bytes32 indexed recordId, bytes4 indexed backend, bytes32 keyDigest);

    /// @notice A record was closed to further keys, for ever.
    /// @param recordId Name of the record.
    event RecordFrozen(bytes32 indexed recordId);

    /// @notice The registrant advises against a record, for ever.
    /// @param recordId Name of the record.
    /// @param successor The record to use instead; zero if there is none.
    event RecordDeprecated(bytes32 indexed recordId, bytes32 indexed successor);

    /// @notice The URI of a record was changed.
    /// @param recordId Name of the record.
    /// @param uri The new URI: a hint that nothing binds.
    event MetadataURIChanged(bytes32 indexed recordId, string uri);

    /// @notice This registrant has registered this program before.
    /// @param recordId Name of the record that stands.
    error ModelRegistry_AlreadyRegistered(bytes32 recordId);

    /// @notice There is no record of this name.
    /// @param recordId The name that was asked for.
    error ModelRegistry_UnknownRecord(bytes32 recordId);

    /// @notice Only the registrant may change a record.
    /// @param recordId Name of the record.
    /// @param caller Who tried.
    error ModelRegistry_NotRegistrant(bytes32 recordId, address caller);

    /// @notice A key is set once; another one needs another record.
    /// @param recordId Name of the record.
    /// @param backend Selector of the backend.
    /// @param keyDigest The digest that stands.
    error ModelRegistry_KeyAlreadySet(bytes32 recordId, bytes4 backend, bytes32 keyDigest);

    /// @notice Zero means "no key" and cannot be one.
    /// @param backend Selector of the backend.
    error ModelRegistry_ZeroKey(bytes4 backend);

    /// @notice The record is frozen.
    /// @param recordId Name of the record.
    error ModelRegistry_Frozen(bytes32 recordId);

    /// @notice The record is deprecated already; that happens once.
    /// @param recordId Name of the record.
    error ModelRegistry_AlreadyDeprecated(bytes32 recordId);

    /// @notice A record cannot be its own successor.
    /// @param recordId Name of the record.
    error ModelRegistry_SelfSuccessor(bytes32 recordId);

    /// @notice Register a program under the caller's name.
    /// @dev The roots are what the caller says they are. The registry binds them to the program root
    ///      and to the caller; it does not see the tensors behind them.
    /// @param program The opened preimage of the program root.
    /// @param keys Keys to set at once; each backend at most once.
    /// @param freezeNow Close the record to further keys in the same transaction.
    /// @param uri Where more may be found; may be empty.
    /// @return recordId Name of the new record, as `recordIdOf` computes it.
    function registerModel(
        Program calldata program,
        BackendKey[] calldata keys,
        bool freezeNow,
        string calldata uri
    ) external returns (bytes32 recordId);

    /// @notice Set the key of one backend, once.
    /// @param recordId Name of a record of the caller that is not frozen.
    /// @param backend Selector of the backend.
    /// @param keyDigest Digest of the key; not zero.
    function addBackend(bytes32 recordId, bytes4 backend, bytes32 keyDigest) external;

    /// @notice Close a record to further keys, for ever.
    /// @param recordId Name of a record of the caller that is not frozen yet.
    function freeze(bytes32 recordId) external;

    /// @notice Advise against a record, for ever. Its keys stay: who trusts it decides.
    /// @dev Successors are advice too: one may be another's record, be deprecated itself, or lead
    ///      back here. Do not follow them blindly.
    /// @param recordId Name of a record of the caller that is not deprecated yet.
    /// @param successor Another record to use instead, of anyone; zero for none.
    function deprecate(bytes32 recordId, bytes32 successor) external;

    /// @notice Change the hint where more may be found, at any time.
    /// @param recordId Name of a record of the caller.
    /// @param uri The new URI; may be empty.
    function setMetadataURI(bytes32 recordId, string calldata uri) external;

    /// @notice The record of this name.
    /// @param recordId Name of a record; reverts if there is none.
    /// @return record All of it but keys, URI and successor.
    function recordOf(bytes32 recordId) external view returns (Record memory record);

    /// @notice Whether there is a record of this name.
    /// @param recordId Any name.
    /// @return known True if it was registered.
    function exists(bytes32 recordId) external view returns (bool known);

    /// @notice Root of the program behind a record.
    /// @param recordId Name of a record; reverts if there is none.
    /// @return programRoot As computed at registration.
    function programOf(bytes32 recordId) external view returns (bytes32 programRoot);

    /// @notice Digest of a backend's key.
    /// @param recordId Name of a record; reverts if there is none.
    /// @param backend Selector of the backend.
    /// @return keyDigest The digest; zero if none was set.
    function keyOf(bytes32 recordId, bytes4 backend) external view returns (bytes32 keyDigest);

    /// @notice The hint where more may be found.
    /// @param recordId Name of a record; reverts if there is none.
    /// @return uri The URI; may be empty.
    function uriOf(bytes32 recordId) external view returns (string memory uri);

    /// @notice The record that a deprecated one's registrant advises to use instead.
    /// @param recordId Name of a record; reverts if there is none.
    /// @return successor Name of the other record; zero if there is none.
    function successorOf(bytes32 recordId) external view returns (bytes32 successor);

    /// @notice The name that a registrant's record of a program has, registered or not.
    /// @param registrant Who registers.
    /// @param programRoot Root of the program.
    /// @return recordId `keccak256(registrant(20) programRoot(32))`.
    function recordIdOf(address registrant, bytes32 programRoot)
        external
        pure
        returns (bytes32 recordId);

    /// @notice Semantic version of the contract.
    /// @return number "1.0.0".
    function version() external pure returns (string memory number);
}

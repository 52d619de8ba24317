// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governance} from "./Governance.sol";
import {IAttestationRegistry} from "./IAttestationRegistry.sol";
import {P256Verify} from "./P256Verify.sol";
import {QuotePrefix} from "./QuotePrefix.sol";
import {TrustLists} from "./TrustLists.sol";

/// @title AttestationRegistry
/// @notice Keys of enclaves, admitted by a quote each, and judged again whenever they are used.
/// @dev It holds no value and calls nobody but precompiles. What the owner can change, and when,
///      stands in `Governance` and `TrustLists`; nobody changes how a quote is judged. The ids AR-*
///      stand at each guard, in the tests and in `docs/security.md`.
contract AttestationRegistry is TrustLists, IAttestationRegistry {
    /// @notice No key lives longer, in seconds.
    uint256 public constant MAX_KEY_LIFE = 7 days;

    /// @dev What a key quote's report data has behind the address.
    bytes12 private constant KEY_TAG = "VERIFIABLEK1";

    bytes32 private constant KEY_LABEL = keccak256("verifiable/tee/key/v1");

    bytes32 private constant REGISTER_KEY_TYPE = keccak256(
        "RegisterKey(address key,bytes32 platformId,bytes32 quoteDigest,uint64 deadline)"
    );

    bytes32 private constant INFERENCE_TYPE = keccak256(
        "Inference(bytes32 programRoot,bytes32 inputRoot,bytes32 outputRoot,bytes32 context)"
    );

    bytes32 private constant DOMAIN_TYPE = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );

    bytes32 private constant NAME = keccak256("verifiable/tee");

    bytes32 private constant VERSION = keccak256("1");

    /// @dev Of the group of secp256k1, halved: what `s` of a canonical signature may be at most.
    uint256 private constant HALF_ORDER =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @dev Domain of `Inference`: name and version only, see `verifyInference`.
    bytes32 private immutable INFERENCE_DOMAIN;

    /// @dev Keys; one whose life ends in second zero was never registered.
    mapping(address key => Key record) private _keys;

    /// @param firstOwner Who decides what is trusted.
    /// @param delay_ Seconds between what the owner announces and what it does.
    /// @param svn Lowest TEE_TCB_SVN.
    /// @param qeSvn Lowest ISVSVN of the quoting enclave.
    constructor(address firstOwner, uint32 delay_, bytes16 svn, uint16 qeSvn)
        Governance(firstOwner, delay_)
        TrustLists(svn, qeSvn)
    {
        P256Verify.requirePrecompile();
        INFERENCE_DOMAIN = keccak256(
            abi.encode(keccak256("EIP712Domain(string name,string version)"), NAME, VERSION)
        );
    }

    /// @inheritdoc IAttestationRegistry
    function registerKey(
        bytes calldata quotePrefix,
        bytes32 platformId,
        uint256 challengeBlock,
        uint64 deadline,
        bytes calldata pop
    ) external returns (address key) {
        bytes32 digest = QuotePrefix.check(quotePrefix);
        key = _boundKey(quotePrefix, challengeBlock);
        _checkPossession(key, platformId, digest, deadline, pop);

        Key memory record = _admitted(quotePrefix, platformId);
        bytes32 workload = QuotePrefix.workloadOf(quotePrefix);
        record.grant = _grants[workload];

        // INVARIANT AR-11: what runs in the TD is allowed now.
        if (_programs[record.grant] == bytes32(0)) {
            revert AttestationRegistry_WorkloadNotAllowed(workload);
        }

        // INVARIANT AR-15: a key is registered once, so nothing renews or revives it.
        if (_keys[key].until != 0) revert AttestationRegistry_KeyAlreadyRegistered(key);

        _keys[key] = record;
        emit KeyRegistered(key, workload, platformId, record.until);
    }

    /// @inheritdoc IAttestationRegistry
    function invalidate(address key) external {
        (Fault fault,,) = _judge(_keys[key]);

        // INVARIANT AR-17: nobody but the owner cuts a key that counts.
        if (fault == Fault.None) revert AttestationRegistry_KeyStillValid(key);

        _revoke(key, fault);
    }

    /// @inheritdoc IAttestationRegistry
    function revokeKey(address key) external onlyOwner {
        (Fault fault,,) = _judge(_keys[key]);
        _revoke(key, fault == Fault.None ? Fault.Revoked : fault);
    }

    /// @inheritdoc IAttestationRegistry
    function verifyInference(
        bytes32 programRoot,
        bytes32 inputRoot,
        bytes32 outputRoot,
        bytes32 context,
        bytes calldata sig
    ) external view returns (address key, bool hardware) {
        bytes32 message = keccak256(
            abi.encode(INFERENCE_TYPE, programRoot, inputRoot, outputRoot, context)
        );
        key = _signer(INFERENCE_DOMAIN, message, sig);

        Fault fault;
        bytes32 program;
        (fault, program, hardware) = _judge(_keys[key]);

        // INVARIANT AR-16: all that admitted the key still holds, and holds under the same number.
        if (fault != Fault.None) revert AttestationRegistry_KeyNotValid(key, fault);

        // INVARIANT AR-16: a key speaks for the program that it runs.
        if (program != programRoot) revert AttestationRegistry_WrongProgram(key, program);
    }

    /// @inheritdoc IAttestationRegistry
    function faultOf(address key) external view returns (Fault fault) {
        (fault,,) = _judge(_keys[key]);
    }

    /// @inheritdoc IAttestationRegistry
    function keyOf(address key) external view returns (Key memory record) {
        record = _keys[key];
    }

    /// @inheritdoc IAttestationRegistry
    function bindingOf(address key, bytes32 challenge) external view returns (bytes32 binding) {
        binding = _bindingOf(key, challenge);
    }

    /// @inheritdoc IAttestationRegistry
    function domainSeparator() external view returns (bytes32 separator) {
        separator = _domainSeparator();
    }

    /// @inheritdoc IAttestationRegistry
    function version() external pure returns (string memory number) {
        number = "1.0.0";
    }

    /// @dev Marks a key that is not revoked.
    /// @param key Which.
    /// @param fault What is wrong with it.
    function _revoke(address key, Fault fault) private {
        // INVARIANT AR-17: what was never registered cannot be spoiled for a later registration.
        if (fault == Fault.Unknown) revert AttestationRegistry_UnknownKey(key);

        // INVARIANT AR-17: each event says something new.
        if (_keys[key].revoked) revert AttestationRegistry_KeyNotValid(key, Fault.Revoked);

        _keys[key].revoked = true;
        emit KeyRevoked(key, fault);
    }

    /// @dev What can be stored of a quote, if the lists admit it; its workload is not looked at.
    /// @param quote The prefix.
    /// @param platformId Whose PCK key has to have signed.
    /// @return record Without the version of the workload.
    function _admitted(bytes calldata quote, bytes32 platformId)
        private
        view
        returns (Key memory record)
    {
        Minimum memory lowest = _minimum;
        record.svn = QuotePrefix.svnOf(quote);
        record.qeSvn = QuotePrefix.qeSvnOf(quote);
        bytes16 features = QuotePrefix.featuresOf(quote);
        record.features = _featureNumbers[features];

        // INVARIANT AR-7: attributes and features are ones that somebody has looked at.
        if (!_countsFeatures(lowest.features, record.features)) {
            revert AttestationRegistry_FeaturesNotAllowed(features);
        }

        // INVARIANT AR-7: the module below the TD has no hole that is known and closed.
        if (!_atLeast(record.svn, lowest.svn)) {
            revert AttestationRegistry_SvnTooLow(record.svn, lowest.svn);
        }

        // INVARIANT AR-9: nor has the quoting enclave.
        if (record.qeSvn < lowest.qeSvn) {
            revert AttestationRegistry_QeSvnTooLow(record.qeSvn, lowest.qeSvn);
        }

        record.platform = _knownPlatform(platformId);
        Admission memory platform = _admissions[record.platform];
        uint256 until = platform.until;

        // INVARIANT AR-10: the platform counts now.
        if (platform.revoked) revert AttestationRegistry_PlatformRevoked(platformId);
        if (block.timestamp > until) {
            revert AttestationRegistry_PlatformExpired(platformId, platform.until);
        }

        // INVARIANT AR-10: its key, which the vendor certified, speaks for the quoting enclave.
        PckKey storage pck = _pckKeys[platformId];
        if (!QuotePrefix.isReportSigned(quote, pck.x, pck.y)) {
            revert AttestationRegistry_QeSignature();
        }

        // INVARIANT AR-16: no key outlives its platform's collateral, or a week.
        uint256 longest = block.timestamp + MAX_KEY_LIFE;
        // forge-lint: disable-next-line(unsafe-typecast)
        record.until = uint40(until < longest ? until : longest); // the year 36,812 is the last
    }

    /// @dev The key that a quote binds to this chain, this contract and a recent block.
    /// @param quote The prefix.
    /// @param challengeBlock Number of the block.
    /// @return key Not zero: nobody could show to possess that.
    function _boundKey(bytes calldata quote, uint256 challengeBlock)
        private
        view
        returns (address key)
    {
        bytes12 tag;
        bytes32 binding;
        (key, tag, binding) = QuotePrefix.reportDataOf(quote);

        // INVARIANT AR-12: a quote for a statement registers nothing.
        if (tag != KEY_TAG) revert AttestationRegistry_NotKeyQuote(tag);

        // INVARIANT AR-12: the quote is younger than the block, and the block is known.
        bytes32 challenge = blockhash(challengeBlock);
        if (challenge == bytes32(0)) revert AttestationRegistry_ChallengeUnknown(challengeBlock);

        // INVARIANT AR-12: it was made for this chain and this contract.
        bytes32 expected = _bindingOf(key, challenge);
        if (binding != expected) revert AttestationRegistry_ReportData(binding, expected);
    }

    /// @dev Reverts unless the key itself asks to be registered with this quote.
    /// @param key Address of the key.
    /// @param platformId Of the machine.
    /// @param quoteDigest SHA-256 of header and body of the quote.
    /// @param deadline Last second in which it counts.
    /// @param pop Signature of the key.
    function _checkPossession(
        address key,
        bytes32 platformId,
        bytes32 quoteDigest,
        uint64 deadline,
        bytes calldata pop
    ) private view {
        // INVARIANT AR-13: whoever keeps a registration back cannot use it for ever.
        if (block.timestamp > deadline) revert AttestationRegistry_DeadlinePassed(deadline);

        bytes32 message =
            keccak256(abi.encode(REGISTER_KEY_TYPE, key, platformId, quoteDigest, deadline));
        address signer = _signer(_domainSeparator(), message, pop);

        // INVARIANT AR-13: a quote that somebody saw pass by registers nothing.
        if (signer != key) revert AttestationRegistry_NotPossessed(signer, key);
    }

    /// @dev What is wrong with a key now: the first of all that it rests on.
    /// @param record What stands of it.
    /// @return fault `None` if all holds.
    /// @return program What it runs; like the next, only looked at if nothing before is wrong.
    /// @return hardware Whether its platform is no simulated one.
    function _judge(Key memory record)
        private
        view
        returns (Fault fault, bytes32 program, bool hardware)
    {
        // slither-disable-next-line incorrect-equality
        if (record.until == 0) return (Fault.Unknown, 0, false);
        if (record.revoked) return (Fault.Revoked, 0, false);
        if (block.timestamp > record.until) return (Fault.Expired, 0, false);

        Admission memory platform = _admissions[record.platform];
        if (platform.revoked) return (Fault.PlatformRevoked, 0, false);
        if (block.timestamp > platform.until) return (Fault.PlatformExpired, 0, false);
        hardware = platform.hardware;

        program = _programs[record.grant];
        if (program == bytes32(0)) return (Fault.WorkloadDropped, 0, hardware);

        Minimum memory lowest = _minimum;
        if (!_atLeast(record.svn, lowest.svn)) fault = Fault.SvnTooLow;
        else if (record.qeSvn < lowest.qeSvn) fault = Fault.QeSvnTooLow;
        else if (!_countsFeatures(lowest.features, record.features)) fault = Fault.FeaturesDropped;
    }

    /// @dev See `bindingOf`.
    /// @param key Address of the key.
    /// @param challenge Hash of a block.
    /// @return binding Of both to this chain and contract.
    function _bindingOf(address key, bytes32 challenge) private view returns (bytes32 binding) {
        binding = keccak256(abi.encode(KEY_LABEL, block.chainid, address(this), key, challenge));
    }

    /// @dev See `domainSeparator`.
    /// @return separator As EIP-712 has it.
    function _domainSeparator() private view returns (bytes32 separator) {
        separator = keccak256(abi.encode(DOMAIN_TYPE, NAME, VERSION, block.chainid, address(this)));
    }

    /// @dev Who signed a message.
    /// @param separator Of its domain.
    /// @param message Hash of the struct.
    /// @param signature 65 bytes, `r s v`.
    /// @return signer Not zero.
    function _signer(bytes32 separator, bytes32 message, bytes calldata signature)
        private
        pure
        returns (address signer)
    {
        // INVARIANT AR-14: one form only; the short one of EIP-2098 would be a second.
        if (signature.length != 65) {
            revert AttestationRegistry_SignatureLength(signature.length);
        }

        (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
        uint8 v = uint8(signature[64]);

        // INVARIANT AR-14: of the two signatures that everybody can make of one, only one counts.
        if (uint256(s) > HALF_ORDER || (v != 27 && v != 28)) {
            revert AttestationRegistry_SignatureNotCanonical();
        }

        bytes32 digest = keccak256(abi.encodePacked(bytes2(0x1901), separator, message));
        signer = ecrecover(digest, v, r, s);

        // INVARIANT AR-14: the precompile answers zero to what is no signature.
        if (signer == address(0)) revert AttestationRegistry_NoSigner();
    }
}

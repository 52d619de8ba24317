// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governance} from "./Governance.sol";
import {ITrustLists} from "./ITrustLists.sol";

/// @title TrustLists
/// @notice Platforms, workloads, features and lowest versions, by numbers that are used once.
/// @dev A key keeps the numbers of what it was admitted under, so looking at them again costs a
///      storage read each, and an entry that was dropped stays dropped for it.
abstract contract TrustLists is Governance, ITrustLists {
    /// @notice Collateral of a platform lives no longer, in seconds.
    uint256 public constant MAX_PLATFORM_LIFE = 30 days;

    /// @notice How often features can be allowed in all.
    uint8 public constant MAX_FEATURES = 111;

    /// @dev TDATTRIBUTES with SEPT_VE_DISABLE only, and the usual XFAM.
    bytes16 private constant USUAL_FEATURES = 0x0000001000000000e702060000000000;

    /// @dev Every second byte of a version, and the bit above each.
    uint128 private constant LANES = 0x00ff00ff00ff00ff00ff00ff00ff00ff;
    uint128 private constant LANE_CARRIES = 0x01000100010001000100010001000100;

    /// @dev The lowest versions, and one bit for each entry of the list of features that counts: a
    ///      key is compared with one word.
    struct Minimum {
        bytes16 svn;
        uint16 qeSvn;
        uint112 features;
    }

    /// @dev Numbers that were given out; 0 is none.
    struct Counters {
        uint24 platforms;
        uint24 grants;
        uint8 features;
    }

    Minimum internal _minimum;
    Counters private _counters;

    /// @dev Admissions by number.
    mapping(uint24 number => Admission admission) internal _admissions;

    /// @dev Keys of platforms; never changed.
    mapping(bytes32 platformId => PckKey key) internal _pckKeys;

    /// @dev Last admission of a platform.
    mapping(bytes32 platformId => uint24 number) internal _platformNumbers;

    /// @dev Program of a version of a workload; zero if it does not count.
    mapping(uint24 grant => bytes32 programRoot) internal _programs;

    /// @dev Last version of a workload.
    mapping(bytes32 workload => uint24 grant) internal _grants;

    /// @dev Last entry of features, counted from one.
    mapping(bytes16 features => uint8 number) internal _featureNumbers;

    /// @param svn Lowest TEE_TCB_SVN.
    /// @param qeSvn Lowest ISVSVN of the quoting enclave.
    constructor(bytes16 svn, uint16 qeSvn) {
        _setMinimum(svn, qeSvn);
        _allowFeatures(USUAL_FEATURES);
    }

    /// @inheritdoc ITrustLists
    function registerPlatform(bytes32 pckX, bytes32 pckY, bytes16 ppid, uint64 until, bool hardware)
        external
        afterDelay
    {
        // INVARIANT AR-5: no collateral counts for ever, whatever the owner says.
        if (until <= block.timestamp || until > block.timestamp + MAX_PLATFORM_LIFE) {
            revert TrustLists_BadPlatformLife(until);
        }

        bytes32 platformId = _platformIdOf(pckX, pckY, ppid, hardware);
        uint24 number = _platformNumbers[platformId];

        // INVARIANT AR-4: a platform that was revoked gets a new number, so its old keys stay cut.
        if (number == 0 || _admissions[number].revoked) {
            number = ++_counters.platforms;
            _platformNumbers[platformId] = number;
            _pckKeys[platformId] = PckKey({x: pckX, y: pckY});
        }
        _admissions[number] =
            Admission({ppid: ppid, until: until, hardware: hardware, revoked: false});
        emit PlatformRegistered(platformId, number, ppid, until, hardware);
    }

    /// @inheritdoc ITrustLists
    function revokePlatform(bytes32 platformId) external onlyOwner {
        uint24 number = _knownPlatform(platformId);

        // INVARIANT AR-4: each event says something new.
        if (_admissions[number].revoked) revert TrustLists_AlreadyRevoked(platformId);

        _admissions[number].revoked = true;
        emit PlatformRevoked(platformId, number);
    }

    /// @inheritdoc ITrustLists
    function setWorkload(bytes32 workload, bytes32 programRoot) external afterDelay {
        // INVARIANT AR-5: zero means "not allowed", so it is no program.
        if (programRoot == bytes32(0)) revert TrustLists_ZeroProgram();

        uint24 previous = _grants[workload];

        // INVARIANT AR-4: a version says something new; else it would cut keys for nothing.
        if (_programs[previous] == programRoot) revert TrustLists_WorkloadUnchanged(workload);

        // INVARIANT AR-4: every version has a number of its own, and at most the last one counts.
        delete _programs[previous];
        uint24 grant = ++_counters.grants;
        _grants[workload] = grant;
        _programs[grant] = programRoot;
        emit WorkloadSet(workload, programRoot, grant);
    }

    /// @inheritdoc ITrustLists
    function dropWorkload(bytes32 workload) external onlyOwner {
        uint24 grant = _grants[workload];

        // INVARIANT AR-5: who drops what is not there has made a mistake.
        if (_programs[grant] == bytes32(0)) revert TrustLists_UnknownWorkload(workload);

        delete _programs[grant];
        emit WorkloadDropped(workload, grant);
    }

    /// @inheritdoc ITrustLists
    function allowFeatures(bytes16 features) external afterDelay {
        _allowFeatures(features);
    }

    /// @inheritdoc ITrustLists
    function dropFeatures(bytes16 features) external onlyOwner {
        uint8 number = _featureNumbers[features];

        // INVARIANT AR-5: who drops what is not there has made a mistake.
        if (!_countsFeatures(_minimum.features, number)) {
            revert TrustLists_UnknownFeatures(features);
        }

        _minimum.features &= ~_featureBit(number);
        emit FeaturesDropped(features, number);
    }

    /// @inheritdoc ITrustLists
    function setMinimum(bytes16 svn, uint16 qeSvn) external afterDelay {
        _setMinimum(svn, qeSvn);
    }

    /// @inheritdoc ITrustLists
    function raiseMinimum(bytes16 svn, uint16 qeSvn) external onlyOwner {
        Minimum memory present = _minimum;

        // INVARIANT AR-4: without a delay, versions only go up.
        if (!_atLeast(svn, present.svn) || qeSvn < present.qeSvn) {
            revert TrustLists_MinimumLowered(svn, qeSvn);
        }

        _setMinimum(svn, qeSvn);
    }

    /// @inheritdoc ITrustLists
    function platformOf(bytes32 platformId)
        external
        view
        returns (Admission memory admission, uint24 number, PckKey memory key)
    {
        number = _knownPlatform(platformId);
        admission = _admissions[number];
        key = _pckKeys[platformId];
    }

    /// @inheritdoc ITrustLists
    function workloadOf(bytes32 workload)
        external
        view
        returns (bytes32 programRoot, uint24 grant)
    {
        grant = _grants[workload];
        programRoot = _programs[grant];
    }

    /// @inheritdoc ITrustLists
    function featuresOf(bytes16 features) external view returns (bool allowed, uint8 number) {
        number = _featureNumbers[features];
        allowed = _countsFeatures(_minimum.features, number);
    }

    /// @inheritdoc ITrustLists
    function minimum() external view returns (bytes16 svn, uint16 qeSvn) {
        svn = _minimum.svn;
        qeSvn = _minimum.qeSvn;
    }

    /// @inheritdoc ITrustLists
    function platformIdOf(bytes32 pckX, bytes32 pckY, bytes16 ppid, bool hardware)
        external
        pure
        returns (bytes32 platformId)
    {
        platformId = _platformIdOf(pckX, pckY, ppid, hardware);
    }

    /// @dev Number of the last admission of a platform; reverts if there was none.
    /// @param platformId Its id.
    /// @return number Not zero.
    function _knownPlatform(bytes32 platformId) internal view returns (uint24 number) {
        number = _platformNumbers[platformId];

        // INVARIANT AR-10: nobody is judged by a platform of zeros.
        if (number == 0) revert TrustLists_UnknownPlatform(platformId);
    }

    /// @dev Whether an entry of the list of features counts.
    /// @param bits Of the list.
    /// @param number Of the entry; zero is none.
    /// @return counts True if it does.
    function _countsFeatures(uint112 bits, uint8 number) internal pure returns (bool counts) {
        counts = bits & _featureBit(number) != 0; // nobody sets the bit of zero
    }

    /// @dev Whether no component of a version is below another's.
    /// @param svn A version.
    /// @param lowest Another.
    /// @return holds True if so.
    function _atLeast(bytes16 svn, bytes16 lowest) internal pure returns (bool holds) {
        uint128 mine = uint128(svn);
        uint128 other = uint128(lowest);
        // Every second component with a bit above it, which a component that is lower borrows. No
        // lane borrows from the next, since it holds 256 at least.
        unchecked {
            uint128 left = (mine >> 8 & LANES | LANE_CARRIES) - (other >> 8 & LANES);
            uint128 right = (mine & LANES | LANE_CARRIES) - (other & LANES);
            // slither-disable-next-line incorrect-equality
            holds = left & right & LANE_CARRIES == LANE_CARRIES;
        }
    }

    /// @dev See `allowFeatures`.
    /// @param features TDATTRIBUTES and XFAM.
    function _allowFeatures(bytes16 features) private {
        // INVARIANT AR-5: a TD under test, debugged or profiled is never trusted.
        if (features[0] != 0) revert TrustLists_DebugFeatures(features);

        // INVARIANT AR-4: each event says something new.
        if (_countsFeatures(_minimum.features, _featureNumbers[features])) {
            revert TrustLists_FeaturesUnchanged(features);
        }

        // INVARIANT AR-4: no number is used again, so the list has an end.
        if (_counters.features == MAX_FEATURES) revert TrustLists_TooManyFeatures();

        uint8 number = ++_counters.features;
        _featureNumbers[features] = number;
        _minimum.features |= _featureBit(number);
        emit FeaturesAllowed(features, number);
    }

    /// @dev See `setMinimum`.
    /// @param svn Lowest TEE_TCB_SVN.
    /// @param qeSvn Lowest ISVSVN of the quoting enclave.
    function _setMinimum(bytes16 svn, uint16 qeSvn) private {
        _minimum.svn = svn;
        _minimum.qeSvn = qeSvn;
        emit MinimumSet(svn, qeSvn);
    }

    /// @dev The bit of an entry of the list of features.
    /// @param number From 1 to 111; zero is none.
    /// @return bit Its place in the word.
    function _featureBit(uint8 number) private pure returns (uint112 bit) {
        bit = uint112(1) << number;
    }

    /// @dev See `platformIdOf`. What a platform is worth is part of its id: the same key as hardware
    ///      is another platform.
    /// @param pckX Coordinate of the PCK key.
    /// @param pckY Coordinate of the PCK key.
    /// @param ppid Its name by Intel.
    /// @param hardware False for a simulated one.
    /// @return platformId keccak256 of the four words.
    function _platformIdOf(bytes32 pckX, bytes32 pckY, bytes16 ppid, bool hardware)
        private
        pure
        returns (bytes32 platformId)
    {
        platformId = keccak256(abi.encode(pckX, pckY, ppid, hardware));
    }
}

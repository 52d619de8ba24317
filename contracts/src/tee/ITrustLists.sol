// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IGovernance} from "./IGovernance.sol";

/// @title ITrustLists
/// @notice What an attestation is judged by: platforms, workloads, features, lowest versions.
/// @dev Each entry gets a number when it is allowed, and a new one when it is allowed again. Keys
///      keep numbers, so what was distrusted once never counts again for keys of before.
interface ITrustLists is IGovernance {
    /// @notice A machine that was admitted: all of it that is looked at whenever its keys are used.
    /// @param ppid Its name by Intel; 16 bytes of the certificate.
    /// @param until Last second of its collateral.
    /// @param hardware False for a simulated one.
    /// @param revoked It counts for nothing.
    struct Admission {
        bytes16 ppid;
        uint64 until;
        bool hardware;
        bool revoked;
    }

    /// @notice The key by which a machine's quoting enclave is certified.
    /// @param x Coordinate.
    /// @param y Coordinate.
    struct PckKey {
        bytes32 x;
        bytes32 y;
    }

    /// @notice A platform was admitted, or its collateral renewed.
    /// @param platformId Its id.
    /// @param number Of the admission; the same after a renewal, another after a revocation.
    /// @param ppid Its name by Intel.
    /// @param until Last second of its collateral.
    /// @param hardware False for a simulated one.
    event PlatformRegistered(
        bytes32 indexed platformId, uint24 number, bytes16 ppid, uint64 until, bool hardware
    );

    /// @notice A platform counts for nothing any more, nor do its keys.
    /// @param platformId Its id.
    /// @param number Of the admission that ends.
    event PlatformRevoked(bytes32 indexed platformId, uint24 number);

    /// @notice A workload is allowed, under a new version; keys of an earlier one are cut.
    /// @param workload keccak256 of MRTD and RTMR0 to RTMR3.
    /// @param programRoot The program that RTMR3 covers.
    /// @param grant Number of the version.
    event WorkloadSet(bytes32 indexed workload, bytes32 indexed programRoot, uint24 grant);

    /// @notice A workload is allowed no more; its keys are cut.
    /// @param workload Which.
    /// @param grant Number of the version that ends.
    event WorkloadDropped(bytes32 indexed workload, uint24 grant);

    /// @notice Attributes and features of TDs are allowed.
    /// @param features TDATTRIBUTES and XFAM.
    /// @param number Of the entry.
    event FeaturesAllowed(bytes16 indexed features, uint8 number);

    /// @notice Attributes and features are allowed no more; keys with them are cut.
    /// @param features TDATTRIBUTES and XFAM.
    /// @param number Of the entry that ends.
    event FeaturesDropped(bytes16 indexed features, uint8 number);

    /// @notice The lowest versions changed; keys below are cut.
    /// @param svn Lowest TEE_TCB_SVN, by component.
    /// @param qeSvn Lowest ISVSVN of the quoting enclave.
    event MinimumSet(bytes16 svn, uint16 qeSvn);

    /// @notice No platform of this id was admitted.
    /// @param platformId Which.
    error TrustLists_UnknownPlatform(bytes32 platformId);

    /// @notice The platform is revoked already.
    /// @param platformId Which.
    error TrustLists_AlreadyRevoked(bytes32 platformId);

    /// @notice The collateral ends in the past, or later than collateral lives.
    /// @param until As given.
    error TrustLists_BadPlatformLife(uint64 until);

    /// @notice A workload runs a program.
    error TrustLists_ZeroProgram();

    /// @notice The workload is allowed with this program already.
    /// @param workload Which.
    error TrustLists_WorkloadUnchanged(bytes32 workload);

    /// @notice The workload is not allowed.
    /// @param workload Which.
    error TrustLists_UnknownWorkload(bytes32 workload);

    /// @notice A TD that can be debugged is never allowed.
    /// @param features As given.
    error TrustLists_DebugFeatures(bytes16 features);

    /// @notice The features are allowed already.
    /// @param features Which.
    error TrustLists_FeaturesUnchanged(bytes16 features);

    /// @notice The features are not allowed.
    /// @param features Which.
    error TrustLists_UnknownFeatures(bytes16 features);

    /// @notice The list of features is full.
    error TrustLists_TooManyFeatures();

    /// @notice A minimum can be lowered only after the delay, by `setMinimum`.
    /// @param svn As given.
    /// @param qeSvn As given.
    error TrustLists_MinimumLowered(bytes16 svn, uint16 qeSvn);

    /// @notice Admit a platform whose certificates and TCB were verified elsewhere, or renew its
    ///         collateral. After the delay.
    /// @param pckX Coordinate of the PCK key.
    /// @param pckY Coordinate of the PCK key.
    /// @param ppid Its name by Intel.
    /// @param until Last second of its collateral; at most 30 days ahead.
    /// @param hardware False if its certificates are under a simulated root.
    function registerPlatform(bytes32 pckX, bytes32 pckY, bytes16 ppid, uint64 until, bool hardware)
        external;

    /// @notice Distrust a platform and its keys, at once.
    /// @param platformId Of a platform that was admitted.
    function revokePlatform(bytes32 platformId) external;

    /// @notice Allow a workload, after the delay. Keys of an earlier version are cut.
    /// @param workload keccak256 of MRTD and RTMR0 to RTMR3.
    /// @param programRoot The program that RTMR3 covers: the EVM has no SHA-384, so everyone should
    ///        compute it again.
    function setWorkload(bytes32 workload, bytes32 programRoot) external;

    /// @notice Distrust a workload and its keys, at once.
    /// @param workload One that is allowed.
    function dropWorkload(bytes32 workload) external;

    /// @notice Allow attributes and features of TDs, after the delay.
    /// @param features TDATTRIBUTES and XFAM, bytes 168 to 184 of a quote.
    function allowFeatures(bytes16 features) external;

    /// @notice Distrust attributes and features, and keys with them, at once.
    /// @param features On the list.
    function dropFeatures(bytes16 features) external;

    /// @notice Set the lowest versions to anything, after the delay.
    /// @param svn Lowest TEE_TCB_SVN, by component.
    /// @param qeSvn Lowest ISVSVN of the quoting enclave.
    function setMinimum(bytes16 svn, uint16 qeSvn) external;

    /// @notice Raise the lowest versions, at once; keys below are cut.
    /// @param svn Lowest TEE_TCB_SVN: no component below the present one.
    /// @param qeSvn Lowest ISVSVN: not below the present one.
    function raiseMinimum(bytes16 svn, uint16 qeSvn) external;

    /// @notice The id of a platform.
    /// @param pckX Coordinate of the PCK key.
    /// @param pckY Coordinate of the PCK key.
    /// @param ppid Its name by Intel.
    /// @param hardware False for a simulated one.
    /// @return platformId keccak256 of the four words.
    function platformIdOf(bytes32 pckX, bytes32 pckY, bytes16 ppid, bool hardware)
        external
        pure
        returns (bytes32 platformId);

    /// @notice The last admission of a platform.
    /// @param platformId Its id; reverts if there was none.
    /// @return admission What it is worth.
    /// @return number Of the admission.
    /// @return key Its PCK key.
    function platformOf(bytes32 platformId)
        external
        view
        returns (Admission memory admission, uint24 number, PckKey memory key);

    /// @notice The program of a workload.
    /// @param workload Any.
    /// @return programRoot Zero if the workload is not allowed.
    /// @return grant Number of the last version; zero if there was none.
    function workloadOf(bytes32 workload) external view returns (bytes32 programRoot, uint24 grant);

    /// @notice Whether attributes and features are allowed.
    /// @param features TDATTRIBUTES and XFAM.
    /// @return allowed True if they are.
    /// @return number Of the last entry of the list; zero if there was none.
    function featuresOf(bytes16 features) external view returns (bool allowed, uint8 number);

    /// @notice The lowest versions.
    /// @return svn Lowest TEE_TCB_SVN, by component.
    /// @return qeSvn Lowest ISVSVN of the quoting enclave.
    function minimum() external view returns (bytes16 svn, uint16 qeSvn);
}

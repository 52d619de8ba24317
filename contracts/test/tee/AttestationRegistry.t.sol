// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {AttestationRegistry} from "../../src/tee/AttestationRegistry.sol";
import {IAttestationRegistry} from "../../src/tee/IAttestationRegistry.sol";
import {ITrustLists} from "../../src/tee/ITrustLists.sol";
import {P256Verify} from "../../src/tee/P256Verify.sol";
import {AttestationKit} from "./AttestationKit.sol";

/// @notice Each check of a registration, refused by the change of one field.
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract AttestationRegistry_registerKey_Test is AttestationKit {
    function test_registerKey_succeeds() external {
        address key = vm.addr(ENCLAVE);
        bytes memory quote = _quote();
        bytes memory pop = _pop(quote, ENCLAVE);
        uint64 until = uint64(block.timestamp + 7 days);
        vm.expectEmit(address(registry));
        emit IAttestationRegistry.KeyRegistered(key, _workload(), platformId, until);
        vm.prank(MALLORY); // anyone may send it
        address found = registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);

        vm.assertEq(found, key, "key");
        IAttestationRegistry.Key memory record = registry.keyOf(key);
        vm.assertEq(bytes32(record.svn), bytes32(SVN), "svn");
        vm.assertEq(uint256(record.qeSvn), uint256(QE_SVN), "qeSvn");
        vm.assertEq(uint256(record.until), uint256(until), "until");
        vm.assertEq(uint256(record.platform), 1, "platform");
        vm.assertEq(uint256(record.grant), 1, "grant");
        vm.assertEq(uint256(record.features), 1, "features");
        vm.assertEq(record.revoked, false, "revoked");
        vm.assertTrue(registry.faultOf(key) == IAttestationRegistry.Fault.None, "fault");
    }

    function test_registerKey_AR6_length_reverts() external {
        bytes4 why = IAttestationRegistry.AttestationRegistry_QuoteLength.selector;
        bytes memory quote = _quote();
        bytes memory pop = _pop(quote, ENCLAVE);
        bytes memory short = _slice(quote, 0, 1251);
        vm.expectRevert(abi.encodeWithSelector(why, 1251));
        registry.registerKey(short, platformId, CHALLENGE, _deadline(), pop);
        vm.expectRevert(abi.encodeWithSelector(why, 1253));
        registry.registerKey(bytes.concat(quote, hex"00"), platformId, CHALLENGE, _deadline(), pop);
        vm.expectRevert(abi.encodeWithSelector(why, 0));
        registry.registerKey("", platformId, CHALLENGE, _deadline(), pop);
    }

    function test_registerKey_AR6_header_reverts() external {
        bytes4 why = IAttestationRegistry.AttestationRegistry_QuoteHeader.selector;
        for (uint256 i = 0; i < 8; ++i) {
            bytes memory quote = _quote();
            quote[i] = bytes1(uint8(quote[i]) + 1);
            _signBody(quote);
            _refused(quote, abi.encodeWithSelector(why, bytes8(_slice(quote, 0, 8))));
        }
    }

    function test_registerKey_AR6_vendor_reverts() external {
        bytes16 vendor = hex"939a7233f79c4ca9940a0db3957f0608";
        bytes4 why = IAttestationRegistry.AttestationRegistry_QeVendor.selector;
        _refused(_body(12, abi.encodePacked(vendor)), abi.encodeWithSelector(why, vendor));
    }

    function test_registerKey_AR6_authDataSize_reverts() external {
        bytes4 why = IAttestationRegistry.AttestationRegistry_AuthDataSize.selector;
        bytes memory quote = _quote();
        _put(quote, 1218, hex"4000");
        _refused(quote, abi.encodeWithSelector(why, bytes2(0x4000)));
    }

    function test_registerKey_AR7_module_reverts() external {
        bytes memory why = abi.encodeWithSelector(
            IAttestationRegistry.AttestationRegistry_NotIntelsModule.selector
        );
        uint256[6] memory places = [uint256(112), 143, 144, 159, 160, 167];
        for (uint256 i = 0; i < 6; ++i) {
            _refused(_body(places[i], hex"01"), why);
        }
    }

    function test_registerKey_AR7_features_reverts() external {
        bytes4 why = IAttestationRegistry.AttestationRegistry_FeaturesNotAllowed.selector;
        bytes memory debug = abi.encodePacked(hex"01", bytes15(FEATURES << 8));
        _refused(_body(168, debug), abi.encodeWithSelector(why, bytes16(debug)));
        bytes memory bare = abi.encodePacked(bytes8(0), bytes8(FEATURES << 64));
        _refused(_body(168, bare), abi.encodeWithSelector(why, bytes16(bare)));
        _refused(
            _body(168, abi.encodePacked(OTHER_FEATURES)),
            abi.encodeWithSelector(why, OTHER_FEATURES)
        );
    }

    function test_registerKey_AR7_svn_reverts() external {
        bytes4 why = IAttestationRegistry.AttestationRegistry_SvnTooLow.selector;
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory low = abi.encodePacked(MIN_SVN);
            low[i] = bytes1(uint8(low[i]) - 1);
            bytes memory quote = _body(48, low);
            _refused(quote, abi.encodeWithSelector(why, bytes16(low), MIN_SVN));
        }
        _register(_body(48, abi.encodePacked(MIN_SVN)));
    }

    function test_registerKey_AR8_bodySignature_reverts() external {
        bytes memory why = abi.encodeWithSelector(
            IAttestationRegistry.AttestationRegistry_QuoteSignature.selector
        );
        bytes memory quote = _quote();
        quote[700 - 1] ^= 0x01;
        _refused(quote, why);
        quote = _quote();
        quote[184] ^= 0x01; // MRTD, not signed again
        _refused(quote, why);
        quote = _quote();
        _put(quote, 636, new bytes(64));
        _refused(quote, why);
    }

    function test_registerKey_AR8_attestationKeyOfAnother_reverts() external {
        bytes memory quote = _quote();
        (uint256 x, uint256 y) = vm.publicKeyP256(7);
        _put(quote, 700, abi.encode(x, y));
        (bytes32 r, bytes32 s) = vm.signP256(7, sha256(_slice(quote, 0, 632)));
        _put(quote, 636, abi.encode(r, s));
        bytes4 why = IAttestationRegistry.AttestationRegistry_QeBinding.selector;
        _refused(quote, abi.encodeWithSelector(why));
    }

    function test_registerKey_AR8_reportSaysMore_reverts() external {
        bytes4 why = IAttestationRegistry.AttestationRegistry_QeBinding.selector;
        _refused(_report(1153, hex"01"), abi.encodeWithSelector(why));
        _refused(_report(1122, hex"01"), abi.encodeWithSelector(why));
    }

    function test_registerKey_AR9_debug_reverts() external {
        bytes4 why = IAttestationRegistry.AttestationRegistry_QeDebug.selector;
        _refused(_report(818, hex"17"), abi.encodeWithSelector(why));
    }

    function test_registerKey_AR9_signer_reverts() external {
        // Signs Intel's enclaves for SGX.
        bytes32 signer = 0x8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff;
        bytes4 why = IAttestationRegistry.AttestationRegistry_QeSigner.selector;
        _refused(_report(898, abi.encode(signer)), abi.encodeWithSelector(why, signer));
    }

    function test_registerKey_AR9_product_reverts() external {
        bytes4 why = IAttestationRegistry.AttestationRegistry_QeProduct.selector;
        _refused(_report(1026, hex"0100"), abi.encodeWithSelector(why, bytes2(0x0100)));
        _refused(_report(1026, hex"0201"), abi.encodeWithSelector(why, bytes2(0x0201)));
    }

    function test_registerKey_AR9_svn_reverts() external {
        bytes4 why = IAttestationRegistry.AttestationRegistry_QeSvnTooLow.selector;
        _refused(_report(1028, hex"0500"), abi.encodeWithSelector(why, 5, MIN_QE_SVN));
        _register(_report(1028, hex"0001")); // 256: little-endian
    }

    function test_registerKey_AR10_unknownPlatform_reverts() external {
        bytes32 other = keccak256("another platform");
        bytes memory quote = _quote();
        bytes32 digest = sha256(_slice(quote, 0, 632));
        bytes memory pop = _sign(ENCLAVE, _possession(vm.addr(ENCLAVE), other, digest, _deadline()));
        vm.expectRevert(
            abi.encodeWithSelector(ITrustLists.TrustLists_UnknownPlatform.selector, other)
        );
        registry.registerKey(quote, other, CHALLENGE, _deadline(), pop);
    }

    function test_registerKey_AR10_revokedPlatform_reverts() external {
        vm.prank(OWNER);
        registry.revokePlatform(platformId);
        bytes4 why = IAttestationRegistry.AttestationRegistry_PlatformRevoked.selector;
        _refused(_quote(), abi.encodeWithSelector(why, platformId));
    }

    function test_registerKey_AR10_expiredPlatform_reverts() external {
        (ITrustLists.Admission memory admission,,) = registry.platformOf(platformId);
        cheats.warp(admission.until);
        uint256 state = cheats.snapshotState();
        _register(_quote());
        cheats.revertToState(state);
        cheats.warp(admission.until + 1);
        bytes4 why = IAttestationRegistry.AttestationRegistry_PlatformExpired.selector;
        _refused(_quote(), abi.encodeWithSelector(why, platformId, admission.until));
    }

    function test_registerKey_AR10_reportOfAnotherPlatform_reverts() external {
        bytes memory why =
            abi.encodeWithSelector(IAttestationRegistry.AttestationRegistry_QeSignature.selector);
        bytes memory quote = _quote();
        _signReport(quote, PCK + 1);
        _refused(quote, why);
        _admit(PCK + 1, true); // but the quote does not name it
        _refused(quote, why);
        quote = _quote();
        quote[834] ^= 0x01; // MRENCLAVE of the quoting enclave, not signed again
        _refused(quote, why);
    }

    function test_registerKey_AR11_otherWorkload_reverts() external {
        bytes4 why = IAttestationRegistry.AttestationRegistry_WorkloadNotAllowed.selector;
        uint256[5] memory places = [uint256(184), 376, 424, 472, 567];
        for (uint256 i = 0; i < 5; ++i) {
            bytes memory quote = _quote();
            quote[places[i]] ^= 0x80;
            _signBody(quote);
            bytes32 workload =
                keccak256(bytes.concat(_slice(quote, 184, 232), _slice(quote, 376, 568)));
            _refused(quote, abi.encodeWithSelector(why, workload));
        }
    }

    function test_registerKey_AR11_droppedWorkload_reverts() external {
        vm.prank(OWNER);
        registry.dropWorkload(_workload());
        bytes4 why = IAttestationRegistry.AttestationRegistry_WorkloadNotAllowed.selector;
        _refused(_quote(), abi.encodeWithSelector(why, _workload()));
    }

    function test_registerKey_AR12_statementQuote_reverts() external {
        bytes12 tag = "VERIFIABLEK2";
        bytes4 why = IAttestationRegistry.AttestationRegistry_NotKeyQuote.selector;
        _refused(_body(588, abi.encodePacked(tag)), abi.encodeWithSelector(why, tag));
    }

    function test_registerKey_AR12_unknownBlock_reverts() external {
        bytes4 why = IAttestationRegistry.AttestationRegistry_ChallengeUnknown.selector;
        bytes memory quote = _quote();
        bytes memory pop = _pop(quote, ENCLAVE);
        uint256[3] memory numbers = [BLOCK, BLOCK + 1, BLOCK - 257];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(why, numbers[i]));
            registry.registerKey(quote, platformId, numbers[i], _deadline(), pop);
        }
    }

    function test_registerKey_AR12_oldBlock_reverts() external {
        bytes memory quote = _quote();
        vm.roll(CHALLENGE + 256);
        uint256 state = cheats.snapshotState();
        _register(quote);
        cheats.revertToState(state);
        vm.roll(CHALLENGE + 257);
        bytes4 why = IAttestationRegistry.AttestationRegistry_ChallengeUnknown.selector;
        _refused(quote, abi.encodeWithSelector(why, CHALLENGE));
    }

    function test_registerKey_AR12_otherUse_reverts() external {
        address key = vm.addr(ENCLAVE);
        bytes32 hash = blockhash(CHALLENGE);
        bytes32 right = _binding(block.chainid, address(registry), key, hash);
        vm.assertEq(registry.bindingOf(key, hash), right, "bindingOf");
        bytes32[4] memory others = [
            _binding(block.chainid + 1, address(registry), key, hash),
            _binding(block.chainid, address(maker), key, hash),
            _binding(block.chainid, address(registry), MALLORY, hash),
            _binding(block.chainid, address(registry), key, blockhash(CHALLENGE - 1))
        ];
        bytes4 why = IAttestationRegistry.AttestationRegistry_ReportData.selector;
        for (uint256 i = 0; i < 4; ++i) {
            bytes memory quote = _body(600, abi.encodePacked(others[i]));
            _refused(quote, abi.encodeWithSelector(why, others[i], right));
        }
    }

    function test_registerKey_AR12_otherRegistryOrChain_reverts() external {
        bytes memory quote = _quote();
        bytes memory pop = _pop(quote, ENCLAVE);
        address key = vm.addr(ENCLAVE);
        bytes32 hash = blockhash(CHALLENGE);
        bytes32 found = registry.bindingOf(key, hash);
        bytes4 why = IAttestationRegistry.AttestationRegistry_ReportData.selector;

        AttestationRegistry other = maker.make(OWNER, DELAY, MIN_SVN, MIN_QE_SVN);
        bytes32 expected = other.bindingOf(key, hash);
        vm.expectRevert(abi.encodeWithSelector(why, found, expected));
        other.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);

        cheats.chainId(1);
        expected = registry.bindingOf(key, hash);
        vm.expectRevert(abi.encodeWithSelector(why, found, expected));
        registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);
    }

    function test_registerKey_AR13_notPossessed_reverts() external {
        bytes memory quote = _quote();
        bytes memory pop = _pop(quote, ENCLAVE + 1);
        bytes4 why = IAttestationRegistry.AttestationRegistry_NotPossessed.selector;
        vm.expectRevert(abi.encodeWithSelector(why, vm.addr(ENCLAVE + 1), vm.addr(ENCLAVE)));
        registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);
    }

    /// @dev The proof names platform, quote, deadline, chain and registry: another one has another
    ///      signer, whoever that is.
    function test_registerKey_AR13_possessionOfAnother_reverts() external {
        bytes memory quote = _quote();
        bytes32 digest = sha256(_slice(quote, 0, 632));
        address key = vm.addr(ENCLAVE);
        bytes32[5] memory messages = [
            _possession(key, keccak256("platform"), digest, _deadline()),
            _possession(key, platformId, keccak256("digest"), _deadline()),
            _possession(key, platformId, digest, _deadline() + 1),
            _possession(MALLORY, platformId, digest, _deadline()),
            _inference(PROGRAM, CONTEXT)
        ];
        for (uint256 i = 0; i < 5; ++i) {
            _refusedAs(
                quote,
                _sign(ENCLAVE, messages[i]),
                IAttestationRegistry.AttestationRegistry_NotPossessed.selector
            );
        }
    }

    function test_registerKey_AR13_tooLate_reverts() external {
        bytes memory quote = _quote();
        uint64 deadline = _deadline();
        bytes memory pop = _pop(quote, ENCLAVE);
        cheats.warp(deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationRegistry.AttestationRegistry_DeadlinePassed.selector, deadline
            )
        );
        registry.registerKey(quote, platformId, CHALLENGE, deadline, pop);
        cheats.warp(deadline);
        registry.registerKey(quote, platformId, CHALLENGE, deadline, pop);
    }

    function test_registerKey_AR14_signatureForm_reverts() external {
        bytes memory quote = _quote();
        bytes memory pop = _pop(quote, ENCLAVE);
        bytes4 length = IAttestationRegistry.AttestationRegistry_SignatureLength.selector;
        _refusedAs(quote, _slice(pop, 0, 64), length);
        _refusedAs(quote, bytes.concat(pop, hex"00"), length);
        _refusedAs(
            quote,
            _twin(pop),
            IAttestationRegistry.AttestationRegistry_SignatureNotCanonical.selector
        );
    }

    function test_registerKey_AR15_twice_reverts() external {
        address key = _register(_quote());
        bytes4 why = IAttestationRegistry.AttestationRegistry_KeyAlreadyRegistered.selector;
        _refused(_quote(), abi.encodeWithSelector(why, key));
        vm.prank(OWNER);
        registry.revokeKey(key);
        _refused(_quote(), abi.encodeWithSelector(why, key));
    }

    function test_registerKey_AR16_lifeEndsWithThePlatforms_succeeds() external {
        (ITrustLists.Admission memory admission,,) = registry.platformOf(platformId);
        cheats.warp(admission.until - 1 days);
        address key = _register(_quote());
        vm.assertEq(uint256(registry.keyOf(key).until), uint256(admission.until), "until");
    }

    function test_registerKey_AR16_lifeIsAWeekAtMost_succeeds() external {
        (ITrustLists.Admission memory admission,,) = registry.platformOf(platformId);
        vm.assertTrue(admission.until > block.timestamp + 7 days, "the platform lives longer");
        address key = _register(_quote());
        vm.assertEq(uint256(registry.keyOf(key).until), block.timestamp + 7 days, "until");
    }

    /// @dev Every bit of the prefix is either checked, or read by nobody.
    function test_registerKey_everyBit_reverts() external {
        vm.pauseGasMetering();
        bytes memory quote = _quote();
        bytes memory pop = _pop(quote, ENCLAVE);
        uint64 deadline = _deadline();
        uint256 loose = 0;
        uint256 state = cheats.snapshotState();
        for (uint256 bit = 0; bit < 8 * 1252; ++bit) {
            uint256 place = bit / 8;
            bytes1 mask = bytes1(uint8(1 << (bit % 8)));
            quote[place] ^= mask;
            (bool ok, bytes memory answer) = address(registry)
                .call(
                    abi.encodeCall(
                        registry.registerKey, (quote, platformId, CHALLENGE, deadline, pop)
                    )
                );
            quote[place] ^= mask;
            if (ok) {
                // The size of what follows, and the type and size of the certification data.
                bool size = place >= 632 && place < 636;
                vm.assertTrue(size || (place >= 764 && place < 770), vm.toString(place));
                vm.assertEq(answer, abi.encode(vm.addr(ENCLAVE)), "another key");
                cheats.revertToState(state);
                state = cheats.snapshotState();
                ++loose;
            } else {
                bytes4 reason = bytes4(_slice(answer, 0, 4));
                bool possession =
                    reason == IAttestationRegistry.AttestationRegistry_NotPossessed.selector;
                vm.assertTrue(!possession, "only the proof of possession refused it");
            }
        }
        vm.assertEq(loose, 80, "loose bits");
        vm.resumeGasMetering();
    }

    function _refusedAs(bytes memory quote, bytes memory pop, bytes4 why) private {
        (bool ok, bytes memory answer) = address(registry)
            .call(
                abi.encodeCall(
                    registry.registerKey, (quote, platformId, CHALLENGE, _deadline(), pop)
                )
            );
        vm.assertTrue(!ok, "registered");
        vm.assertEq(bytes32(_slice(answer, 0, 4)), bytes32(why), "refused otherwise");
    }
}

/// @notice All that a key rests on is looked at again when it is used.
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract AttestationRegistry_verifyInference_Test is AttestationKit {
    function setUp() public override {
        super.setUp();
        _register(_quote());
    }

    function test_verifyInference_succeeds() external view {
        (address key, bool hardware) = _verify(_signed);
        vm.assertEq(key, vm.addr(ENCLAVE), "key");
        vm.assertEq(hardware, true, "hardware");
    }

    function test_verifyInference_simulatedPlatform_succeeds() external {
        bytes32 hardware = platformId;
        platformId = _admit(PCK, false); // the same key: another platform all the same
        vm.assertTrue(platformId != hardware, "one platform is worth two things");
        bytes memory quote = _quote(ENCLAVE + 1);
        bytes memory pop = _pop(quote, ENCLAVE + 1);
        registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);
        (address key, bool real) = _verify(_answer(ENCLAVE + 1, PROGRAM));
        vm.assertEq(key, vm.addr(ENCLAVE + 1), "key");
        vm.assertEq(real, false, "hardware");
    }

    function test_verifyInference_anyChainAndContext_succeeds() external {
        cheats.chainId(1); // the message names none
        (address key,) = _verify(_signed);
        vm.assertEq(key, vm.addr(ENCLAVE), "key");
    }

    function test_verifyInference_AR14_signatureForm_reverts() external view {
        bytes memory sig = _signed;
        _refusedAs(
            _slice(sig, 0, 64), IAttestationRegistry.AttestationRegistry_SignatureLength.selector
        );
        _refusedAs(
            bytes.concat(sig, hex"1b"),
            IAttestationRegistry.AttestationRegistry_SignatureLength.selector
        );
        bytes4 why = IAttestationRegistry.AttestationRegistry_SignatureNotCanonical.selector;
        _refusedAs(_twin(sig), why);
        for (uint256 v = 0; v < 256; ++v) {
            if (v == 27 || v == 28) continue;
            sig[64] = bytes1(uint8(v));
            _refusedAs(sig, why);
        }
    }

    function test_verifyInference_AR14_nobody_reverts() external view {
        bytes memory sig = _signed;
        _put(sig, 0, new bytes(32)); // r = 0
        _refusedAs(sig, IAttestationRegistry.AttestationRegistry_NoSigner.selector);
        sig = _signed;
        _put(sig, 32, new bytes(32)); // s = 0
        _refusedAs(sig, IAttestationRegistry.AttestationRegistry_NoSigner.selector);
    }

    /// @dev Half of the order is the last `s` that counts.
    function test_verifyInference_AR14_halfOrder_reverts() external view {
        bytes memory sig = _signed;
        uint256 half = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
        _put(sig, 32, abi.encode(half));
        _refusedAs(sig, IAttestationRegistry.AttestationRegistry_KeyNotValid.selector);
        _put(sig, 32, abi.encode(half + 1));
        _refusedAs(sig, IAttestationRegistry.AttestationRegistry_SignatureNotCanonical.selector);
    }

    function test_verifyInference_AR16_otherKey_reverts() external {
        _signed = _answer(ENCLAVE + 1, PROGRAM);
        _keyNotValid(ENCLAVE + 1, IAttestationRegistry.Fault.Unknown);
    }

    function testFuzz_verifyInference_AR16_otherStatement_reverts(uint256 field, uint256 bit)
        external
        view
    {
        bytes32[4] memory parts = [PROGRAM, INPUT, OUTPUT, CONTEXT];
        parts[_bound(field, 0, 3)] ^= bytes32(uint256(1) << _bound(bit, 0, 255));
        try registry.verifyInference(parts[0], parts[1], parts[2], parts[3], _signed) {
            vm.assertTrue(false, "another statement");
        } catch {}
    }

    function test_verifyInference_AR16_otherProgram_reverts() external {
        bytes memory sig = _answer(ENCLAVE, OTHER_PROGRAM);
        bytes4 why = IAttestationRegistry.AttestationRegistry_WrongProgram.selector;
        vm.expectRevert(abi.encodeWithSelector(why, vm.addr(ENCLAVE), PROGRAM));
        registry.verifyInference(OTHER_PROGRAM, INPUT, OUTPUT, CONTEXT, sig);
    }

    function test_verifyInference_AR16_revoked_reverts() external {
        vm.prank(OWNER);
        registry.revokeKey(vm.addr(ENCLAVE));
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.Revoked);
    }

    function test_verifyInference_AR16_expired_reverts() external {
        uint256 until = registry.keyOf(vm.addr(ENCLAVE)).until;
        cheats.warp(until);
        _verify(_signed);
        cheats.warp(until + 1);
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.Expired);
    }

    function test_verifyInference_AR16_platformRevoked_reverts() external {
        vm.prank(OWNER);
        registry.revokePlatform(platformId);
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.PlatformRevoked);
        _admit(PCK, true);
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.PlatformRevoked);
    }

    function test_verifyInference_AR16_platformExpired_reverts() external {
        (, uint24 number, ITrustLists.PckKey memory pck) = registry.platformOf(platformId);
        uint64 until = uint64(block.timestamp + DELAY + 1 hours); // its collateral was shortened
        _govern(abi.encodeCall(registry.registerPlatform, (pck.x, pck.y, PPID, until, true)));
        (, uint24 renewed,) = registry.platformOf(platformId);
        vm.assertEq(uint256(renewed), uint256(number), "a renewal is no new admission");
        _verify(_signed);
        cheats.warp(until + 1);
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.PlatformExpired);
    }

    function test_verifyInference_AR16_workloadDropped_reverts() external {
        vm.prank(OWNER);
        registry.dropWorkload(_workload());
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.WorkloadDropped);
        _allow(_workload(), PROGRAM); // under another version
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.WorkloadDropped);
    }

    function test_verifyInference_AR4_workloadSetAgain_reverts() external {
        _allow(_workload(), OTHER_PROGRAM);
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.WorkloadDropped);
    }

    function test_verifyInference_AR16_svnRaised_reverts() external {
        bytes16 higher = SVN;
        vm.prank(OWNER);
        registry.raiseMinimum(higher, QE_SVN);
        _verify(_signed); // just enough
        higher |= bytes16(uint128(1) << 48); // one more in a component that was zero
        vm.prank(OWNER);
        registry.raiseMinimum(higher, QE_SVN);
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.SvnTooLow);
    }

    function test_verifyInference_AR16_qeSvnRaised_reverts() external {
        vm.prank(OWNER);
        registry.raiseMinimum(MIN_SVN, QE_SVN + 1);
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.QeSvnTooLow);
    }

    function test_verifyInference_AR16_featuresDropped_reverts() external {
        vm.prank(OWNER);
        registry.dropFeatures(FEATURES);
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.FeaturesDropped);
        _govern(abi.encodeCall(registry.allowFeatures, (FEATURES)));
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.FeaturesDropped);
    }

    function test_invalidate_AR17_whoeverSees_succeeds() external {
        address key = vm.addr(ENCLAVE);
        vm.prank(OWNER);
        registry.raiseMinimum(MIN_SVN, QE_SVN + 1);
        vm.expectEmit(address(registry));
        emit IAttestationRegistry.KeyRevoked(key, IAttestationRegistry.Fault.QeSvnTooLow);
        vm.prank(MALLORY);
        registry.invalidate(key);
        _govern(abi.encodeCall(registry.setMinimum, (MIN_SVN, QE_SVN)));
        _keyNotValid(ENCLAVE, IAttestationRegistry.Fault.Revoked);
    }

    function test_invalidate_AR17_stillValid_reverts() external {
        address key = vm.addr(ENCLAVE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationRegistry.AttestationRegistry_KeyStillValid.selector, key
            )
        );
        registry.invalidate(key);
    }

    function test_invalidate_AR17_unknown_reverts() external {
        bytes memory why = abi.encodeWithSelector(
            IAttestationRegistry.AttestationRegistry_UnknownKey.selector, MALLORY
        );
        vm.expectRevert(why);
        registry.invalidate(MALLORY);
        vm.prank(OWNER);
        vm.expectRevert(why);
        registry.revokeKey(MALLORY);
    }

    function test_revokeKey_AR17_twice_reverts() external {
        address key = vm.addr(ENCLAVE);
        vm.expectEmit(address(registry));
        emit IAttestationRegistry.KeyRevoked(key, IAttestationRegistry.Fault.Revoked);
        vm.prank(OWNER);
        registry.revokeKey(key);
        bytes memory why = abi.encodeWithSelector(
            IAttestationRegistry.AttestationRegistry_KeyNotValid.selector,
            key,
            IAttestationRegistry.Fault.Revoked
        );
        vm.prank(OWNER);
        vm.expectRevert(why);
        registry.revokeKey(key);
        vm.expectRevert(why);
        registry.invalidate(key);
    }

    function _verify(bytes memory sig) private view returns (address key, bool hardware) {
        (key, hardware) = registry.verifyInference(PROGRAM, INPUT, OUTPUT, CONTEXT, sig);
    }

    function _refusedAs(bytes memory sig, bytes4 why) private view {
        (bool ok, bytes memory answer) = address(registry)
            .staticcall(
                abi.encodeCall(registry.verifyInference, (PROGRAM, INPUT, OUTPUT, CONTEXT, sig))
            );
        vm.assertTrue(!ok, "accepted");
        vm.assertEq(bytes32(_slice(answer, 0, 4)), bytes32(why), "refused otherwise");
    }
}

/// @notice No registry where signatures over P-256 cannot be judged.
contract AttestationRegistry_constructor_Test is AttestationKit {
    bytes private constant MISSING = abi.encodeWithSelector(P256Verify.P256Verify_Missing.selector);

    function setUp() public override {
        maker_ = address(new MakerOfRegistries());
    }

    address private maker_;

    /// forge-config: default.hardfork = "prague"
    /// forge-config: thorough.hardfork = "prague"
    function test_constructor_AR1_chainWithoutPrecompile_reverts() external {
        _refused_();
    }

    /// @dev A stand-in that says yes to everything would register forged quotes.
    /// forge-config: default.hardfork = "prague"
    /// forge-config: thorough.hardfork = "prague"
    function test_constructor_AR1_yesToEverything_reverts() external {
        cheats.etch(address(0x100), hex"60015f5260205ff3"); // returns the word 1
        _refused_();
    }

    /// forge-config: default.hardfork = "prague"
    /// forge-config: thorough.hardfork = "prague"
    function test_constructor_AR1_oddAnswers_reverts() external {
        _answersGood(hex"60015f5260405ff3"); // 64 bytes, the first word 1
        _refused_();
        _answersGood(hex"60025f5260205ff3"); // the word 2
        _refused_();
        _answersGood(hex"6001601f5360015ff3"); // one byte
        _refused_();
        _answersGood(hex"60015f5260205ffd"); // fails with the word 1
        _refused_();
        _answersGood(hex"60015f5260205ff3"); // the word 1: just what it should be
        vm.assertTrue(address(MakerOfRegistries(maker_).make()) != address(0), "not made");
    }

    /// @dev A stand-in that answers the good vector, by its first byte, with this code, and others
    ///      with nothing.
    function _answersGood(bytes memory code) private {
        cheats.etch(address(0x100), bytes.concat(hex"5f3560f81c60af14600c57005b", code));
    }

    /// forge-config: default.hardfork = "osaka"
    /// forge-config: thorough.hardfork = "osaka"
    function test_constructor_AR1_realPrecompile_succeeds() external {
        vm.assertTrue(address(MakerOfRegistries(maker_).make()) != address(0), "not made");
    }

    function _refused_() private {
        vm.expectRevert(MISSING);
        MakerOfRegistries(maker_).make();
    }
}

/// @dev With fixed arguments.
contract MakerOfRegistries {
    function make() external returns (AttestationRegistry) {
        return new AttestationRegistry(address(this), 1 days, 0, 0);
    }
}

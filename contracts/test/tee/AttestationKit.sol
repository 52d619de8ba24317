// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {AttestationRegistry} from "../../src/tee/AttestationRegistry.sol";
import {IAttestationRegistry} from "../../src/tee/IAttestationRegistry.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice The cheatcodes that only these tests need.
interface Cheats {
    function chainId(uint256 id) external;
    function etch(address account, bytes calldata code) external;
    function expectRevert() external;
    function revertToState(uint256 id) external returns (bool);
    function sign(uint256 privateKey, bytes32 digest)
        external
        pure
        returns (uint8 v, bytes32 r, bytes32 s);
    function snapshotState() external returns (uint256 id);
    function warp(uint256 time) external;
}

/// @notice Makes registries. Tests would be too large for a transaction if each held all this code.
contract RegistryMaker {
    function make(address owner, uint32 delay, bytes16 svn, uint16 qeSvn)
        external
        returns (AttestationRegistry)
    {
        return new AttestationRegistry(owner, delay, svn, qeSvn);
    }
}

/// @notice Makes quotes with keys of its own, field by field, and registers the keys of enclaves.
abstract contract AttestationKit is TestBase {
    Cheats internal constant cheats =
        Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    address internal constant OWNER = address(0xa11ce);
    address internal constant MALLORY = address(0x3a110);

    uint32 internal constant DELAY = 2 days;
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant BLOCK = 1000;
    uint256 internal constant CHALLENGE = BLOCK - 1;

    bytes16 internal constant SVN = hex"07010300000000000000000000000000";
    bytes16 internal constant MIN_SVN = hex"06010300000000000000000000000000";
    uint16 internal constant QE_SVN = 8;
    uint16 internal constant MIN_QE_SVN = 6;
    bytes16 internal constant FEATURES = hex"0000001000000000e702060000000000";
    bytes16 internal constant OTHER_FEATURES = hex"0000005000000000e718060000000000";
    bytes16 internal constant PPID = hex"00112233445566778899aabbccddeeff";

    /// @dev Private keys.
    uint256 internal constant PCK = uint256(keccak256("pck"));
    uint256 internal constant ATTESTATION = uint256(keccak256("attestation"));
    uint256 internal constant ENCLAVE = uint256(keccak256("enclave"));

    bytes32 internal constant PROGRAM = keccak256("program");
    bytes32 internal constant OTHER_PROGRAM = keccak256("other program");
    bytes32 internal constant INPUT = keccak256("input");
    bytes32 internal constant OUTPUT = keccak256("output");
    bytes32 internal constant CONTEXT = keccak256("context");

    RegistryMaker internal maker;
    AttestationRegistry internal registry;

    /// @dev Of the platform that is admitted as hardware.
    bytes32 internal platformId;

    function setUp() public virtual {
        vm.roll(BLOCK);
        cheats.warp(START);
        maker = new RegistryMaker();
        registry = maker.make(OWNER, DELAY, MIN_SVN, MIN_QE_SVN);
        platformId = _admit(PCK, true);
        _allow(_workload(), PROGRAM);
    }

    // --- quotes

    /// @dev The prefix of a good quote for a key: signed, and bound to the registry.
    function _quote(uint256 enclave) internal view returns (bytes memory quote) {
        address key = vm.addr(enclave);
        quote = _draft(key, _binding(block.chainid, address(registry), key, blockhash(CHALLENGE)));
        _vouch(quote);
        _signReport(quote, PCK);
        _signBody(quote);
    }

    function _quote() internal view returns (bytes memory) {
        return _quote(ENCLAVE);
    }

    /// @dev All fields but hashes and signatures.
    function _draft(address key, bytes32 binding) internal pure returns (bytes memory quote) {
        quote = new bytes(1252);
        _put(quote, 0, hex"04000200810000000000000000000000");
        _put(quote, 12, hex"939a7233f79c4ca9940a0db3957f0607");
        _put(quote, 48, abi.encodePacked(SVN));
        _put(quote, 64, _measured("mrseam"));
        _put(quote, 168, abi.encodePacked(FEATURES));
        _put(quote, 184, _measured("mrtd"));
        for (uint256 i = 0; i < 4; ++i) {
            _put(quote, 376 + 48 * i, _measured(string.concat("rtmr", vm.toString(i))));
        }
        _put(quote, 568, abi.encodePacked(key, "VERIFIABLEK1", binding));
        _put(quote, 632, hex"cc100000");
        (uint256 x, uint256 y) = vm.publicKeyP256(ATTESTATION);
        _put(quote, 700, abi.encode(x, y));
        _put(quote, 764, hex"060046100000");
        _put(quote, 770, hex"0303191b04ff00060000000000000000");
        _put(quote, 818, hex"1500000000000000e700000000000000");
        _put(quote, 834, abi.encode(keccak256("mrenclave")));
        _put(quote, 898, hex"dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5");
        _put(quote, 1026, hex"02000800");
        _put(quote, 1218, hex"2000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    }

    /// @dev 48 bytes that look like a hash.
    function _measured(string memory what) internal pure returns (bytes memory) {
        return
            bytes.concat(keccak256(bytes(what)), bytes16(keccak256(bytes.concat("2", bytes(what)))));
    }

    /// @dev The quoting enclave vouches for the attestation key.
    function _vouch(bytes memory quote) internal pure {
        bytes32 digest = sha256(bytes.concat(_slice(quote, 700, 764), _slice(quote, 1220, 1252)));
        _put(quote, 1090, abi.encodePacked(digest));
    }

    function _signReport(bytes memory quote, uint256 pck) internal pure {
        (bytes32 r, bytes32 s) = vm.signP256(pck, sha256(_slice(quote, 770, 1154)));
        _put(quote, 1154, abi.encode(r, s));
    }

    function _signBody(bytes memory quote) internal pure {
        (bytes32 r, bytes32 s) = vm.signP256(ATTESTATION, sha256(_slice(quote, 0, 632)));
        _put(quote, 636, abi.encode(r, s));
    }

    /// @dev A good quote with some bytes of header or body changed, and signed again.
    function _body(uint256 offset, bytes memory value) internal view returns (bytes memory quote) {
        quote = _quote();
        _put(quote, offset, value);
        _signBody(quote);
    }

    /// @dev A good quote with some bytes of the enclave's report changed, and signed again.
    function _report(uint256 offset, bytes memory value)
        internal
        view
        returns (bytes memory quote)
    {
        quote = _quote();
        _put(quote, offset, value);
        _signReport(quote, PCK);
    }

    function _workload() internal pure returns (bytes32) {
        bytes memory quote = _draft(address(0), 0);
        return keccak256(bytes.concat(_slice(quote, 184, 232), _slice(quote, 376, 568)));
    }

    /// @dev Written another way than the contract writes it.
    function _binding(uint256 chainId, address where, address key, bytes32 challenge)
        internal
        pure
        returns (bytes32)
    {
        bytes32 label = keccak256("verifiable/tee/key/v1");
        bytes32 whereWord = bytes32(uint256(uint160(where)));
        return keccak256(
            bytes.concat(
                label, bytes32(chainId), whereWord, bytes32(uint256(uint160(key))), challenge
            )
        );
    }

    // --- signatures

    function _register(bytes memory quote) internal returns (address) {
        bytes memory pop = _pop(quote, ENCLAVE);
        return registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);
    }

    /// @dev The same, expecting a revert: signing in between would be taken for the call.
    function _refused(bytes memory quote, bytes memory reason) internal {
        bytes memory pop = _pop(quote, ENCLAVE);
        vm.expectRevert(reason);
        registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);
    }

    function _deadline() internal view returns (uint64) {
        return uint64(block.timestamp + 1 hours);
    }

    function _pop(bytes memory quote, uint256 signer) internal view returns (bytes memory) {
        address key = address(bytes20(_slice(quote, 568, 588)));
        bytes32 digest = sha256(_slice(quote, 0, 632));
        return _sign(signer, _possession(key, platformId, digest, _deadline()));
    }

    function _possession(address key, bytes32 platform, bytes32 digest, uint64 deadline)
        internal
        view
        returns (bytes32)
    {
        bytes32 kind = keccak256(
            "RegisterKey(address key,bytes32 platformId,bytes32 quoteDigest,uint64 deadline)"
        );
        bytes32 message = keccak256(abi.encode(kind, key, platform, digest, deadline));
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("verifiable/tee"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        return keccak256(bytes.concat(hex"1901", domain, message));
    }

    function _inference(bytes32 program, bytes32 context) internal pure returns (bytes32) {
        bytes32 kind = keccak256(
            "Inference(bytes32 programRoot,bytes32 inputRoot,bytes32 outputRoot,bytes32 context)"
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version)"),
                keccak256("verifiable/tee"),
                keccak256("1")
            )
        );
        bytes32 message = keccak256(abi.encode(kind, program, INPUT, OUTPUT, context));
        return keccak256(bytes.concat(hex"1901", domain, message));
    }

    function _answer(uint256 enclave, bytes32 program) internal pure returns (bytes memory) {
        return _sign(enclave, _inference(program, CONTEXT));
    }

    function _sign(uint256 signer, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = cheats.sign(signer, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The other signature that anyone can make of one: `n - s`, and the other `v`.
    function _twin(bytes memory sig) internal pure returns (bytes memory twin) {
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        uint256 s = order - uint256(bytes32(_slice(sig, 32, 64)));
        twin = bytes.concat(_slice(sig, 0, 32), bytes32(s), bytes1(55 - uint8(sig[64])));
    }

    /// @dev Does a good answer of the enclave count now?
    function _counts(uint256 enclave) internal view returns (bool) {
        bytes memory sig = _answer(enclave, PROGRAM);
        try registry.verifyInference(PROGRAM, INPUT, OUTPUT, CONTEXT, sig) {
            return true;
        } catch {
            return false;
        }
    }

    function _keyNotValid(uint256 enclave, IAttestationRegistry.Fault fault) internal {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationRegistry.AttestationRegistry_KeyNotValid.selector,
                vm.addr(enclave),
                fault
            )
        );
        registry.verifyInference(PROGRAM, INPUT, OUTPUT, CONTEXT, _signed);
    }

    /// @dev Set before `_keyNotValid`, since signing after `expectRevert` would be taken for the call.
    bytes internal _signed = _answer(ENCLAVE, PROGRAM);

    // --- governance

    /// @dev Announces a call, waits, and makes it, without time going by for anyone else.
    function _govern(bytes memory action) internal {
        vm.prank(OWNER);
        registry.schedule(action);
        cheats.warp(block.timestamp + DELAY);
        vm.prank(OWNER);
        (bool ok, bytes memory why) = address(registry).call(action);
        vm.assertEq(why, bytes(""), "refused");
        vm.assertTrue(ok, "refused");
    }

    function _admit(uint256 pck, bool hardware) internal returns (bytes32) {
        (uint256 x, uint256 y) = vm.publicKeyP256(pck);
        uint64 until = uint64(block.timestamp + DELAY + 25 days);
        _govern(
            abi.encodeCall(
                registry.registerPlatform, (bytes32(x), bytes32(y), PPID, until, hardware)
            )
        );
        return registry.platformIdOf(bytes32(x), bytes32(y), PPID, hardware);
    }

    function _allow(bytes32 workload, bytes32 program) internal {
        _govern(abi.encodeCall(registry.setWorkload, (workload, program)));
    }

    // --- bytes

    function _put(bytes memory target, uint256 offset, bytes memory value) internal pure {
        for (uint256 i = 0; i < value.length; ++i) {
            target[offset + i] = value[i];
        }
    }

    function _slice(bytes memory source, uint256 from, uint256 to)
        internal
        pure
        returns (bytes memory part)
    {
        part = new bytes(to - from);
        for (uint256 i = 0; i < part.length; ++i) {
            part[i] = source[from + i];
        }
    }
}

"""The child process: one job of the ezkl library, then exit.

ezkl is native code that prints to stdout, panics with exceptions outside `Exception`, needs HOME,
and can take all memory. So no other process imports it. The parent (`child.py`) writes `job.json`
into an empty folder and starts `python -m verifiable.backends.ezkl.worker` there; this writes
`result.json`: `{"value": ...}` or `{"error": type, "message": text, "panic": bool}`.

If the parent dies, nobody is left to end this process, so it ends itself: at once where the system
can do that (Linux), else when its standard input closes, as soon as ezkl lets other threads run.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

_NO_RESULT_STATUS = 120
_PR_SET_PDEATHSIG = 1
_MODULUS = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001


def _gen_settings(ezkl: Any, job: Mapping[str, Any]) -> Any:
    run_args = ezkl.PyRunArgs()
    for name, value in job["run_args"].items():
        setattr(run_args, name, tuple(value) if isinstance(value, list) else value)
    _call(ezkl.gen_settings, job["model"], job["settings"], py_run_args=run_args)
    return json.loads(Path(job["settings"]).read_text(encoding="utf-8"))


def _compile(ezkl: Any, job: Mapping[str, Any]) -> Any:
    _call(ezkl.compile_circuit, job["model"], job["circuit"], job["settings"])


def _simulate(ezkl: Any, job: Mapping[str, Any]) -> Any:
    """Compile a circuit and compute witnesses, without keys."""
    settings = _gen_settings(ezkl, job)
    _compile(ezkl, job)
    return {"settings": settings, "rows": _witness(ezkl, job)}


def _setup(ezkl: Any, job: Mapping[str, Any]) -> Any:
    _call(ezkl.setup, job["circuit"], job["vk"], job["pk"], job["srs"])


def _witness(ezkl: Any, job: Mapping[str, Any]) -> Any:
    """Run the circuit on rows of inputs; the last row's witness file stays."""
    found = []
    for row in job["rows"]:
        Path("data.json").write_text(json.dumps({"input_data": row}), encoding="utf-8")
        witness = _call(ezkl.gen_witness, "data.json", job["circuit"], job["witness"])
        found.append(
            {
                part: [[_signed(v) for v in t] for t in witness[part]]
                for part in ("inputs", "outputs")
            }
        )
    return found


def _mock(ezkl: Any, job: Mapping[str, Any]) -> Any:
    return bool(_call(ezkl.mock, job["witness"], job["circuit"]))


def _prove(ezkl: Any, job: Mapping[str, Any]) -> Any:
    _call(ezkl.prove, job["witness"], job["circuit"], job["pk"], job["proof"], job["srs"])
    proof = json.loads(Path(job["proof"]).read_text(encoding="utf-8"))
    return {"instances": proof["instances"], "proof": bytes(proof["proof"]).hex()}


def _verify(ezkl: Any, job: Mapping[str, Any]) -> Any:
    shown = job["inputs"]
    if job["hashed"]:
        shown = [_call(ezkl.poseidon_hash, tensor) for tensor in shown]
    instances = [value for tensor in shown for value in tensor] + job["outputs"]
    whole = {"instances": [instances], "proof": job["proof"]}
    Path("proof.json").write_text(json.dumps(whole), encoding="utf-8")
    verified = _call(ezkl.verify, "proof.json", job["settings"], job["vk"], job["srs"])
    return {"accepted": verified is True}


def _vka(ezkl: Any, job: Mapping[str, Any]) -> Any:
    done = _call(
        ezkl.create_evm_vka,
        vk_path=job["vk"],
        settings_path=job["settings"],
        vka_path=job["vka"],
        decimals=job["decimals"],
        srs_path=job["srs"],
    )
    if done is not True:
        raise RuntimeError("create_evm_vka gave no artifact")


def _verifier_source(ezkl: Any, job: Mapping[str, Any]) -> Any:
    """Write the source of the verifier contract for all circuits.

    ezkl writes it, then looks for a compiler and tries to download one: that must fail, and only
    that may.
    """
    # Refused at once: nothing listens there, and `main` gave this process a HOME without compilers.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        os.environ[name] = os.environ[name.lower()] = "http://127.0.0.1:9"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ""
    try:
        _call(
            ezkl.create_evm_verifier,
            vk_path=job["vk"],
            settings_path=job["settings"],
            sol_code_path=job["source"],
            abi_path="verifier.abi",
            srs_path=job["srs"],
            reusable=True,
        )
    except RuntimeError as error:
        if "svm" not in str(error):
            raise


def _gen_srs(ezkl: Any, job: Mapping[str, Any]) -> Any:
    _call(ezkl.gen_srs, job["srs"], job["logrows"])


def _get_srs(ezkl: Any, job: Mapping[str, Any]) -> Any:
    _call(ezkl.get_srs, logrows=job["logrows"], srs_path=job["srs"])


_JOBS: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "gen_settings": _gen_settings,
    "compile": _compile,
    "simulate": _simulate,
    "setup": _setup,
    "witness": _witness,
    "mock": _mock,
    "prove": _prove,
    "verify": _verify,
    "vka": _vka,
    "verifier_source": _verifier_source,
    "gen_srs": _gen_srs,
    "get_srs": _get_srs,
}


def _signed(felt: str) -> int:
    value = int.from_bytes(bytes.fromhex(felt), "little")
    return value if value <= _MODULUS // 2 else value - _MODULUS


def _call(function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Any:
    """Call a function of ezkl that may or may not be a coroutine (`get_srs` is one)."""

    async def inside_loop() -> Any:
        found = function(*args, **keywords)
        return await found if inspect.isawaitable(found) else found

    return asyncio.run(inside_loop())


def _peak_rss_bytes() -> int:
    """Peak resident bytes of this process; 0 where the system does not say.

    On Linux not from `getrusage`, which counts the parent's memory before `exec` as well.
    """
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 0


def _end_with_parent(parent: int) -> None:
    """See to it that this process does not outlive its parent."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if sys.platform != "win32" and os.getppid() != parent:  # it died before that was asked for
        os._exit(1)

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _import_ezkl(needed: str) -> Any:
    """The ezkl library, if it is the one version that this package speaks of.

    Raises:
        ImportError: it is not installed, or another version is.
    """
    found = version("ezkl")  # PackageNotFoundError is an ImportError
    if found != needed:
        raise ImportError(f"ezkl {found} is installed")
    import ezkl

    return ezkl


def _run(job: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a job, whatever comes out of it."""
    try:
        return {"value": _JOBS[job["job"]](_import_ezkl(job["ezkl_version"]), job)}
    except ImportError as error:
        return {"error": "ImportError", "message": str(error), "panic": False}
    except BaseException as error:  # pyo3 panics derive from BaseException
        number = getattr(error, "errno", None)
        return {
            "error": type(error).__name__,
            "message": f"{error} (os error {number})" if number else str(error),
            "panic": not isinstance(error, Exception),
        }


def main() -> int:
    """Do the job described in `job.json` of the current folder.

    Returns:
        0, or more than `_NO_RESULT_STATUS` by the number of the system's error that kept the
        result from being written.
    """
    os.dup2(2, 1)  # whatever ezkl prints becomes talk, never a result
    # Set before ezkl is loaded: it panics without HOME, and keeps files of its own below it.
    os.environ["HOME"] = os.getcwd()
    job = json.loads(Path("job.json").read_text(encoding="utf-8"))
    _end_with_parent(job["parent"])
    result = {**_run(job), "peak_rss_bytes": _peak_rss_bytes()}
    try:
        Path("result.part").write_text(json.dumps(result), encoding="utf-8")
        os.replace("result.part", "result.json")
    except OSError as error:  # a full disk takes no words either
        return _NO_RESULT_STATUS + (error.errno or 0)
    return 0


if __name__ == "__main__":
    os._exit(main())  # a usual exit would fail to flush what ezkl printed, and say so by its status

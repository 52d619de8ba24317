"""Arrays from files: strict about what they are, helpful about which row."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx_samples import MODELS

from verifiable.errors import MalformedInput, ResourceLimit, VerifiableError
from verifiable.program.arrays import load_npz, select_row, split_rows


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def npy(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


def header(text: str, tail: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    content = text.encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(content)) + content + tail


class Trap:
    """Leaves a mark if it is ever unpickled."""

    sprung = False

    def __reduce__(self) -> tuple:
        return (setattr, (Trap, "sprung", True))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "arrays.npz"


def test_arrays_come_back_as_they_were(path: Path) -> None:
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
        "big endian": np.arange(3, dtype=">f8"),
        "scalar": np.float16(1.5),
        "empty": np.zeros((0, 3), np.uint8),
    }
    for data in (npz(**arrays), zipped({f"{n}.npy": npy(a) for n, a in arrays.items()}, 8)):
        path.write_bytes(data)
        found = load_npz(path)
        assert list(found) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == np.asarray(array).dtype.newbyteorder("=")
            assert found[name].flags.c_contiguous
            assert not found[name].flags.writeable


def test_sample_files() -> None:
    for file in MODELS.glob("*.npz"):
        with np.load(file) as expected:
            found = load_npz(file)
            assert set(found) == set(expected)
            for name in found:
                np.testing.assert_array_equal(found[name], expected[name])


BAD_FILES = {
    "empty": (b"", "not-an-npz"),
    "text": (b"1,2,3", "not-an-npz"),
    "npy": (npy(np.zeros(3)), "not-an-npz"),
    "pickle": (pickle.dumps({"x": Trap()}), "not-an-npz"),
    "truncated": (npz(x=np.zeros(300))[:-100], "damaged-npz"),
    "no_array": (zipped({}), "damaged-npz"),
    "not_npy": (zipped({"x.txt": b"hello"}), "damaged-npz"),
    "pickled_array": (npz(x=np.array([Trap()], dtype=object)), "not-numeric"),
    "pickle_as_npy": (zipped({"x.npy": pickle.dumps(Trap())}), "damaged-npz"),
    "strings": (npz(x=np.array(["a"])), "not-numeric"),
    "complex": (npz(x=np.zeros(3, np.complex64)), "not-numeric"),
    "bool": (npz(x=np.zeros(3, bool)), "not-numeric"),
    "dates": (npz(x=np.zeros(3, "datetime64[s]")), "not-numeric"),
    "records": (npz(x=np.zeros(3, [("a", "f4"), ("b", "O")])), "not-numeric"),
    "short": (zipped({"x.npy": npy(np.zeros(3))[:-1]}), "damaged-npz"),
    "long": (zipped({"x.npy": npy(np.zeros(3)) + b"\0"}), "damaged-npz"),
    "huge_shape": (
        zipped(
            {
                "x.npy": header(
                    "{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 1048576)}"
                )
            }
        ),
        "damaged-npz",
    ),
    "negative_shape": (
        zipped({"x.npy": header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}")}),
        "damaged-npz",
    ),
    "code_in_header": (zipped({"x.npy": header("__import__('os').getcwd()")}), "damaged-npz"),
    "future_version": (zipped({"x.npy": header("{}", version=b"\x09\x00")}), "damaged-npz"),
    "same_name": (zipped({"x.npy": npy(np.zeros(1)), "x": npy(np.zeros(1))}), "damaged-npz"),
    "bzip2": (zipped({"x.npy": npy(np.zeros(1))}, zipfile.ZIP_BZIP2), "damaged-npz"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused(name: str, path: Path) -> None:
    data, code = BAD_FILES[name]
    path.write_bytes(data)
    with pytest.raises(MalformedInput) as caught:
        load_npz(path)
    assert caught.value.code == code
    assert str(path) in str(caught.value)
    assert not Trap.sprung
    if name in ("short", "long"):
        assert "bytes where shape (3,) needs 24" in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for place in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(MalformedInput) as caught:
            load_npz(place)
        assert caught.value.code == "unreadable-file"


def test_bomb_is_refused_by_its_declared_size(path: Path) -> None:
    path.write_bytes(zipped({"x.npy": npy(np.zeros(1 << 20))}, zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 1 << 16
    with pytest.raises(ResourceLimit):
        load_npz(path, limit_bytes=1 << 20)
    assert load_npz(path, limit_bytes=1 << 24)["x"].size == 1 << 20


def test_bomb_that_lies_about_its_size_is_refused(path: Path) -> None:
    content = npy(np.zeros(1 << 20))
    data = bytearray(zipped({"x.npy": content}, zipfile.ZIP_DEFLATED))
    real, small = struct.pack("<I", len(content)), struct.pack("<I", 1000)
    assert data.count(real) == 2  # local and central header
    path.write_bytes(bytes(data).replace(real, small))
    with pytest.raises(MalformedInput):
        load_npz(path, limit_bytes=1 << 20)


def test_file_larger_than_the_limit(path: Path) -> None:
    path.write_bytes(npz(x=np.zeros(1000)))
    with pytest.raises(ResourceLimit):
        load_npz(path, limit_bytes=1000)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_never_escapes_as_another_error(data: st.DataObject, path: Path) -> None:
    content = bytearray(npz(x=np.arange(5, dtype=np.float32), y=np.arange(3)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        found = load_npz(path)
    except VerifiableError:
        return
    assert all(array.dtype.kind in "fiu" for array in found.values())


# rows

SHAPES = {"x": (1, 2, 3)}


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 3), (1, 1, 2, 3)])
def test_one_row_needs_no_index(shape: tuple[int, ...]) -> None:
    values = np.arange(6.0).reshape(shape)
    for index in (None, 0):
        row = select_row({"x": values}, SHAPES, index)["x"]
        np.testing.assert_array_equal(row, values.reshape(1, 2, 3))


@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 1, 2, 3)])
def test_several_rows_need_one(shape: tuple[int, ...]) -> None:
    values = np.arange(30.0).reshape(shape)
    row = select_row({"x": values}, SHAPES, 3)["x"]
    np.testing.assert_array_equal(row, values[3].reshape(1, 2, 3))
    with pytest.raises(MalformedInput, match="--index") as caught:
        select_row({"x": values}, SHAPES)
    assert caught.value.code == "index-needed"
    for index in (5, -1):
        with pytest.raises(MalformedInput) as caught:
            select_row({"x": values}, SHAPES, index)
        assert caught.value.code == "no-such-row"


def test_models_without_a_batch_axis() -> None:
    shapes = {"x": (2, 3)}
    values = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(select_row({"x": values}, shapes)["x"], values)
    many = np.arange(24.0).reshape(4, 2, 3)
    np.testing.assert_array_equal(select_row({"x": many}, shapes, 2)["x"], many[2])


def test_rows_of_several_inputs_belong_together() -> None:
    shapes = {"b": (1, 2), "a": (1, 3)}
    arrays = {"a": np.zeros((4, 3)), "b": np.arange(8.0).reshape(4, 2)}
    rows = select_row(arrays, shapes, 1)
    assert list(rows) == ["b", "a"]
    np.testing.assert_array_equal(rows["b"], [[2.0, 3.0]])
    with pytest.raises(MalformedInput) as caught:
        select_row(arrays | {"a": np.zeros((3, 3))}, shapes, 1)
    assert caught.value.code == "wrong-shape"
    assert "a 3" in str(caught.value)


@pytest.mark.parametrize("shape", [(), (6,), (3, 2), (1, 2, 4), (0, 2, 3), (5, 5, 2, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(MalformedInput) as caught:
        split_rows({"x": np.zeros(shape)}, SHAPES)
    assert caught.value.code == "wrong-shape"
    assert "(N, 2, 3)" in str(caught.value)


def test_names_must_be_those_of_the_model() -> None:
    with pytest.raises(MalformedInput) as caught:
        select_row({"y": np.zeros((1, 2, 3)), "z": np.zeros(1)}, SHAPES)
    assert caught.value.code == "wrong-names"
    assert "missing: x" in caught.value.why
    assert "unknown: y, z" in caught.value.why

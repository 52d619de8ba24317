"""Float models of any size: perceptrons and convolutional networks with random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["write_model"]

_OPSET = 18
_IR_VERSION = 8
_CLASSES = 10
_PIXELS = 784
_SIDE = 32
_CALIBRATION_ROWS = 16


class _Layers:
    """Nodes and weights of a chain that grows by one layer at a time."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._rng = rng
        self._value = "input"

    def add(self, op: str, *shapes: tuple[int, ...], **attributes: object) -> None:
        """Add a layer; `shapes` are those of its weights and its bias, if it has any."""
        index = len(self.nodes)
        names = []
        for shape in shapes:
            fan_in = int(np.prod(shapes[0][1:]))
            values = self._rng.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32)
            names.append(f"weight_{index}_{len(names)}")
            self.weights.append(numpy_helper.from_array(values, names[-1]))
        output = f"value_{index}"
        self.nodes.append(helper.make_node(op, [self._value, *names], [output], **attributes))
        self._value = output

    def model(self, shape: tuple[int, ...]) -> onnx.ModelProto:
        """The chain as a model with one input of this shape."""
        self.nodes[-1].output[0] = "output"
        graph = helper.make_graph(
            self.nodes,
            "family",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, (1, _CLASSES))],
            self.weights,
        )
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)


def write_model(
    kind: str, parameters: int, *, model: Path, calibration: Path, seed: int
) -> dict[str, int]:
    """Write a model of about this many float parameters, and data to calibrate it with.

    Args:
        kind: `mlp` (784-h-h-10) or `cnn` (32x32, three 3x3 convolutions of c, 2c and 4c channels,
            each followed by Relu and MaxPool, then one Gemm).

    Returns:
        The width that was chosen, and the float parameters that it makes.
    """
    rng = np.random.default_rng(seed)
    count, build, shape = _KINDS[kind]
    width = min(range(1, 4096), key=lambda width: abs(count(width) - parameters))
    layers = _Layers(rng)
    build(layers, width)
    onnx.save_model(layers.model(shape), model)
    rows = rng.normal(0, 1, (_CALIBRATION_ROWS, *shape[1:])).astype(np.float32)
    np.savez_compressed(calibration, input=rows)
    return {"width": width, "float_parameters": count(width)}


def _mlp_parameters(width: int) -> int:
    return width * (_PIXELS + 1) + width * (width + 1) + _CLASSES * (width + 1)


def _build_mlp(layers: _Layers, width: int) -> None:
    sizes = (_PIXELS, width, width, _CLASSES)
    for index in range(3):
        if index:
            layers.add("Relu")
        fan_in, fan_out = sizes[index : index + 2]
        layers.add("Gemm", (fan_out, fan_in), (fan_out,), transB=1)


def _cnn_parameters(width: int) -> int:
    channels = (1, width, 2 * width, 4 * width)
    convolutions = sum(channels[i + 1] * (9 * channels[i] + 1) for i in range(3))
    return convolutions + _CLASSES * (channels[3] * (_SIDE // 8) ** 2 + 1)


def _build_cnn(layers: _Layers, width: int) -> None:
    channels = (1, width, 2 * width, 4 * width)
    for index in range(3):
        fan_in, fan_out = channels[index : index + 2]
        layers.add("Conv", (fan_out, fan_in, 3, 3), (fan_out,), pads=[1, 1, 1, 1])
        layers.add("Relu")
        layers.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    layers.add("Flatten")
    flat = channels[3] * (_SIDE // 8) ** 2
    layers.add("Gemm", (_CLASSES, flat), (_CLASSES,), transB=1)


_KINDS: Mapping[str, tuple[Callable[[int], int], Callable[..., None], tuple[int, ...]]] = {
    "mlp": (_mlp_parameters, _build_mlp, (1, _PIXELS)),
    "cnn": (_cnn_parameters, _build_cnn, (1, 1, _SIDE, _SIDE)),
}

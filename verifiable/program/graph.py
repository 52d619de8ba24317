"""An ONNX graph in a form that rewrites can work on: nodes, constants, makers and readers.

Shapes and element types are those of the last `infer`; a rewrite that makes a new tensor sets its
shape itself. Nodes are kept in no order; `to_model` sorts them, stably, so that equal rewrites of
equal models give equal bytes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from verifiable.errors import MalformedModel
from verifiable.program.onnx_rules import STANDARD_DOMAINS, infer_shapes, opset_of

__all__ = ["Graph", "GraphNode"]

ARRAY_TYPES = frozenset(
    {
        onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16,
        onnx.TensorProto.INT8, onnx.TensorProto.INT16, onnx.TensorProto.INT32,
        onnx.TensorProto.INT64, onnx.TensorProto.UINT8, onnx.TensorProto.UINT16,
        onnx.TensorProto.UINT32, onnx.TensorProto.UINT64, onnx.TensorProto.BOOL,
    }
)  # fmt: skip


class GraphNode:
    """One operator application; equal only to itself."""

    __slots__ = ("attributes", "domain", "inputs", "name", "op_type", "outputs", "overload", "rank")

    def __init__(
        self,
        op_type: str,
        inputs: Iterable[str],
        outputs: Iterable[str],
        *,
        name: str = "",
        domain: str = "",
        overload: str = "",
        attributes: dict[str, onnx.AttributeProto] | None = None,
    ) -> None:
        self.op_type = op_type
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.name = name
        self.domain = "" if domain in STANDARD_DOMAINS else domain
        self.overload = overload
        self.attributes = attributes or {}
        self.rank = 0  # position among the nodes of the graph; breaks ties in the final order

    @classmethod
    def from_proto(cls, proto: onnx.NodeProto) -> GraphNode:
        """Wrap a node of a model."""
        return cls(
            proto.op_type,
            proto.input,
            proto.output,
            name=proto.name,
            domain=proto.domain,
            overload=proto.overload,
            attributes={attribute.name: attribute for attribute in proto.attribute},
        )

    def to_proto(self) -> onnx.NodeProto:
        """Write the node back, attributes in alphabetic order."""
        proto = onnx.NodeProto(
            op_type=self.op_type, name=self.name, domain=self.domain, overload=self.overload
        )
        proto.input.extend(self.inputs)
        proto.output.extend(self.outputs)
        proto.attribute.extend(self.attributes[name] for name in sorted(self.attributes))
        return proto

    def is_op(self, *op_types: str) -> bool:
        """Whether this is one of the named operators of the standard domain."""
        return self.domain == "" and self.op_type in op_types

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an attribute: int, float, str, a list of them, a tensor; or `default`."""
        attribute = self.attributes.get(name)
        if attribute is None:
            return default
        value = helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            return value.decode("utf-8", errors="replace")
        return list(value) if attribute.type in _LIST_TYPES else value

    def set(self, **values: int | float | str | list[int] | list[float] | None) -> None:
        """Set attributes; None removes one."""
        for name, value in values.items():
            if value is None:
                self.attributes.pop(name, None)
            else:
                self.attributes[name] = helper.make_attribute(name, value)

    @property
    def label(self) -> str:
        """How errors and notes call this node."""
        return self.name or f"{self.op_type} making {next(filter(None, self.outputs), '?')}"

    def input(self, position: int) -> str:
        """The name of an input; empty if it is left out."""
        return self.inputs[position] if position < len(self.inputs) else ""


_LIST_TYPES = (
    onnx.AttributeProto.INTS,
    onnx.AttributeProto.FLOATS,
    onnx.AttributeProto.STRINGS,
)


class Graph:
    """The main graph of a model that has no subgraphs and no local functions."""

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self._frame = _without_content(model)
        self.tensors: dict[str, onnx.TensorProto] = {
            tensor.name: tensor for tensor in graph.initializer
        }
        self.inputs = [value.name for value in graph.input]
        self.outputs = [value.name for value in graph.output]
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.types: dict[str, int] = {}
        self._producers: dict[str, GraphNode] = {}
        self._consumers: dict[str, dict[GraphNode, None]] = {}
        self._nodes: dict[GraphNode, None] = {}
        self._arrays: dict[str, npt.NDArray[Any]] = {}
        self._rank = 0
        self._names = {*self.inputs, *self.tensors}
        for proto in graph.node:
            self._names.update(proto.output)
            self.add(GraphNode.from_proto(proto))
        self._read_shapes(model)

    def __iter__(self) -> Iterator[GraphNode]:
        """The nodes as they are now; the graph may be changed meanwhile."""
        return iter(list(self._nodes))

    def __contains__(self, node: GraphNode) -> bool:
        """Whether the node is still part of the graph."""
        return node in self._nodes

    @property
    def opset(self) -> int:
        """Version of the standard operator set."""
        return opset_of(self._frame)

    # structure

    def producer(self, name: str) -> GraphNode | None:
        """The node that makes a tensor; None for inputs, constants and empty names."""
        return self._producers.get(name)

    def consumers(self, name: str) -> tuple[GraphNode, ...]:
        """The nodes that read a tensor."""
        return tuple(self._consumers.get(name, ()))

    def only_consumer(self, name: str) -> GraphNode | None:
        """The one node that reads a tensor, once, if nothing else does and it is no output."""
        readers = self.consumers(name)
        if len(readers) != 1 or name in self.outputs or readers[0].inputs.count(name) != 1:
            return None
        return readers[0]

    def add(self, node: GraphNode, *, near: GraphNode | None = None) -> GraphNode:
        """Add a node; `near` gives its place in the order where dependencies leave a choice."""
        self._rank += 1
        node.rank = near.rank if near is not None else self._rank
        self._nodes[node] = None
        for name in filter(None, node.outputs):
            self._producers[name] = node
            self._names.add(name)
        for name in filter(None, node.inputs):
            self._consumers.setdefault(name, {})[node] = None
        return node

    def remove(self, node: GraphNode) -> None:
        """Take a node out; its outputs are then made by nothing."""
        del self._nodes[node]
        for name in node.outputs:
            if self._producers.get(name) is node:
                del self._producers[name]
        for name in node.inputs:
            self._consumers.get(name, {}).pop(node, None)

    def set_inputs(self, node: GraphNode, inputs: Iterable[str]) -> None:
        """Replace the inputs of a node."""
        for name in node.inputs:
            self._consumers.get(name, {}).pop(node, None)
        node.inputs = list(inputs)
        while node.inputs and not node.inputs[-1]:
            node.inputs.pop()
        for name in filter(None, node.inputs):
            self._consumers.setdefault(name, {})[node] = None

    def set_output(self, node: GraphNode, position: int, name: str) -> None:
        """Let a node make another tensor."""
        old = node.outputs[position]
        if self._producers.get(old) is node:
            del self._producers[old]
        node.outputs[position] = name
        self._producers[name] = node
        self._names.add(name)

    def replace_uses(self, old: str, new: str) -> None:
        """Let every node that reads `old` read `new`; graph outputs are not touched."""
        for node in self.consumers(old):
            self.set_inputs(node, [new if name == old else name for name in node.inputs])

    def bypass(self, node: GraphNode, source: str) -> None:
        """Remove a node whose first output equals its input `source`.

        Where the output is a graph output its name is kept: the producer of `source` makes it
        directly if it can, else an Identity node stays in between.
        """
        target = node.outputs[0]
        self.remove(node)
        self.replace_uses(target, source)
        if target not in self.outputs:
            return
        maker = self.producer(source)
        if maker is None or source in self.outputs:
            self.add(GraphNode("Identity", [source], [target], name=node.name), near=node)
            return
        self.set_output(maker, maker.outputs.index(source), target)
        self.replace_uses(source, target)

    def fresh(self, stem: str) -> str:
        """A tensor name that is not in use."""
        name, count = stem, 1
        while name in self._names:
            count += 1
            name = f"{stem}_{count}"
        self._names.add(name)
        return name

    # constants

    def array(self, name: str) -> npt.NDArray[Any] | None:
        """The value of a constant of a common numeric type; None for all other tensors."""
        if name in self._arrays:
            return self._arrays[name]
        tensor = self.tensors.get(name)
        if tensor is None or tensor.data_type not in ARRAY_TYPES:
            return None
        self._arrays[name] = numpy_helper.to_array(tensor)
        return self._arrays[name]

    def scalar(self, name: str) -> float | None:
        """The value of a constant of one element."""
        array = self.array(name)
        return float(array.reshape(())) if array is not None and array.size == 1 else None

    def constant(self, stem: str, array: npt.NDArray[Any]) -> str:
        """Add a constant under a fresh name, and return that name."""
        name = self.fresh(stem)
        self.set_constant(name, array)
        return name

    def set_constant(self, name: str, array: npt.NDArray[Any]) -> None:
        """Make `name` a constant."""
        # not ascontiguousarray, which would turn a scalar into one axis
        self.tensors[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        self.shapes[name] = tuple(array.shape)
        self.types[name] = self.tensors[name].data_type
        self._arrays.pop(name, None)

    def is_constant(self, name: str) -> bool:
        """Whether the tensor's value is stored in the model."""
        return name in self.tensors

    # shapes

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The static shape of a tensor, or None if it is not known."""
        return self.shapes.get(name)

    def elements(self, name: str) -> int | None:
        """Number of elements of a tensor, or None if its shape is not known."""
        shape = self.shapes.get(name)
        return None if shape is None else prod(shape)

    def infer(self, *, strict: bool = True) -> None:
        """Infer the shapes and types of all tensors anew, from inputs, nodes and constants.

        Unless `strict`, stop quietly where they contradict each other.

        Raises:
            MalformedModel: shapes or types contradict each other.
        """
        self._read_shapes(infer_shapes(self.to_model(with_shapes=False), strict=strict))

    def _read_shapes(self, model: onnx.ModelProto) -> None:
        self.shapes = {name: tuple(tensor.dims) for name, tensor in self.tensors.items()}
        self.types = {name: tensor.data_type for name, tensor in self.tensors.items()}
        for value in (*model.graph.input, *model.graph.value_info, *model.graph.output):
            if not value.type.HasField("tensor_type"):
                continue
            tensor = value.type.tensor_type
            self.types.setdefault(value.name, tensor.elem_type)
            dims = tensor.shape.dim
            if tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
                self.shapes.setdefault(value.name, tuple(dim.dim_value for dim in dims))

    # writing

    def prune(self) -> None:
        """Remove nodes that no output depends on, and constants that no node reads."""
        needed: set[GraphNode] = set()
        waiting = list(self.outputs)
        while waiting:
            node = self.producer(waiting.pop())
            if node is not None and node not in needed:
                needed.add(node)
                waiting.extend(node.inputs)
        for node in self:
            if node not in needed:
                self.remove(node)
        kept = {name for node in needed for name in node.inputs} | set(self.outputs)
        self.tensors = {name: value for name, value in self.tensors.items() if name in kept}

    def sorted_nodes(self) -> list[GraphNode]:
        """The nodes in an order in which each comes after the makers of its inputs.

        Raises:
            MalformedModel: there is a cycle.
        """
        missing: dict[GraphNode, int] = {}
        ready: list[tuple[int, int, GraphNode]] = []
        for order, node in enumerate(self._nodes):
            makers = {self._producers[name] for name in node.inputs if name in self._producers}
            missing[node] = len(makers)
            if not makers:
                heapq.heappush(ready, (node.rank, order, node))
        orders = {node: order for order, node in enumerate(self._nodes)}
        result: list[GraphNode] = []
        while ready:
            node = heapq.heappop(ready)[2]
            result.append(node)
            readers: dict[GraphNode, None] = {}
            for name in filter(None, node.outputs):
                readers.update(self._consumers.get(name, {}))
            for reader in readers:
                missing[reader] -= 1
                if not missing[reader]:
                    heapq.heappush(ready, (reader.rank, orders[reader], reader))
        if len(result) != len(missing):
            raise MalformedModel("the graph has a cycle", where=self._frame.graph.name)
        return result

    def to_model(self, *, with_shapes: bool = True) -> onnx.ModelProto:
        """Write the graph as a model, with the static shapes that are known."""
        model = onnx.ModelProto()
        model.CopyFrom(self._frame)
        graph = model.graph
        inputs = {value.name: value for value in self._frame.graph.input}
        outputs = {value.name: value for value in self._frame.graph.output}
        nodes = self.sorted_nodes()
        graph.ClearField("input")
        graph.ClearField("output")
        graph.node.extend(node.to_proto() for node in nodes)
        graph.initializer.extend(self.tensors.values())
        graph.input.extend(inputs[name] for name in self.inputs)
        if not with_shapes:
            for name in self.outputs:
                value = outputs[name]
                kept = onnx.ValueInfoProto(name=name)
                kept.type.tensor_type.elem_type = value.type.tensor_type.elem_type
                graph.output.append(kept)
            return model
        graph.output.extend(self._value(name) or outputs[name] for name in self.outputs)
        listed = {*self.outputs, *self.inputs}
        for node in nodes:
            for name in filter(None, node.outputs):
                value = self._value(name)
                if value is not None and name not in listed:
                    graph.value_info.append(value)
        return model

    def _value(self, name: str) -> onnx.ValueInfoProto | None:
        shape, kind = self.shapes.get(name), self.types.get(name)
        if shape is None or not kind:
            return None
        return helper.make_tensor_value_info(name, kind, shape)


def _without_content(model: onnx.ModelProto) -> onnx.ModelProto:
    frame = onnx.ModelProto(ir_version=model.ir_version)
    frame.opset_import.extend(model.opset_import)
    frame.graph.name = model.graph.name
    frame.graph.input.extend(model.graph.input)
    frame.graph.output.extend(model.graph.output)
    return frame

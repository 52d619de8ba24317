"""From a quantised ONNX graph (QDQ form) to the integer program: the one lowering of all backends.

The way of the data: `graph` reads nodes, constants and quantisation parameters; `values` are what
a tensor can be while it is lowered (quantised integers, an accumulator that still needs its
scale, a nonlinear function that becomes a table); `linear`, `elementwise`, `movement` and `tables`
turn one ONNX operator each into such values; `builder` collects the program's nodes.
"""

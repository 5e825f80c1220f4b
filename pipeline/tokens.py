"""How many tokens a text has, counted with the tokenizer that comes with the embedding model.

Every provider counts by its own; this one, of short pieces, counts rather too many than too few for English and for PromQL.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tools.knowledge.embedding import model_directory

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNKNOWN = "[UNK]"


def count_tokens(text: str) -> int:
    """A word that the tokenizer gives up on (a long key, a script that it does not know) counts a token for each character.

    Raises KnowledgeError when the embedding package is not installed.
    """
    encoding = _tokenizer().encode(text, add_special_tokens=False)
    spans = zip(encoding.tokens, encoding.offsets, strict=True)
    return sum(end - start if token == UNKNOWN else 1 for token, (start, end) in spans)


@cache
def _tokenizer() -> Tokenizer:
    from tokenizers import Tokenizer  # lazy: only questions that reach a model count

    tokenizer = Tokenizer.from_file(str(model_directory() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer

"""The deterministic narrator's words, one file for each kind of answer. Pure: a brief in, Markdown out."""

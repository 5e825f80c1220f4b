"""What a language model is asked: one DSPy signature a file, the docstring is the prompt.

Empty until the language model joins the pipeline; the deterministic narrator needs none.
"""

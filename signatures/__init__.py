"""What a language model is asked: one DSPy signature a file, the docstring is the prompt. No logic.

They are short on purpose: a small local model keeps to few rules, and the fixed text is paid for with every question.
"""

"""The workshop: evaluate, compile, compare, promote. Empty until the eval sets exist."""

"""Where changes come from: each source gives the changes of a window of time, in the words of `core.vocabulary.Change`."""

"""Checkpoints of other programs, read as data: nothing that such a file names is imported, nothing in it is run."""

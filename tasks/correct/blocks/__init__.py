"""Blocks of a fill, and the known blocks that take their place: grid, search, choice, cuts, gradients."""

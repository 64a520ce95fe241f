"""Texture synthesis by optimisation: feature networks, their statistics, the spectrum, the descent. Needs torch."""

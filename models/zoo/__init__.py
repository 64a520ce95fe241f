"""Other methods of the literature behind the same door as LaMa, for comparison: one file each, named in `registry`."""

"""Pass `patches`: structure from the generator, texture from the image itself. `guided` is the pass, `completion` its heart."""

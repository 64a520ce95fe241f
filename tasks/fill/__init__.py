"""The passes: images in, filled images out. Plain numpy arrays; no storage, no Ray, no Prefect."""

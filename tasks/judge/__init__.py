"""The measures: how good a fill is, with truth and without. Plain numpy arrays; no storage, no Ray, no Prefect."""

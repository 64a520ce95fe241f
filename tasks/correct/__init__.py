"""The corrections: steps on a fill as it is seen. Plain numpy arrays; no storage, no Ray, no Prefect."""

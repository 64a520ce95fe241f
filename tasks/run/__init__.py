"""Where the work runs: the item, the restorer, the ledger, the pool of Ray actors. Ray lives here and nowhere else."""

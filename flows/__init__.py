"""What runs, in what order. Prefect lives here and nowhere else."""

"""What a run leaves behind: rows, shard commits, run records, the report."""

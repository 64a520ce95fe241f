"""Networks of others whose features the measures `lpips` and `fid` are defined by; their weights are not part of this."""

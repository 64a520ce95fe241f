"""SINK/report: one folder that opens from disk or from static hosting, and needs nothing from elsewhere."""

"""What a benchmark leaves: rows, summary, tables, a picture of the results, a contact sheet."""

"""What a run leaves behind: report lines, the run record, totals."""

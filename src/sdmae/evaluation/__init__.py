"""A detector against the truth: benchmarks, metrics of files, comparisons, reports."""

"""A detector put to work and to the test: on files, on benchmarks, in the demo."""

"""What an evaluation shows: the page of a benchmark, its pictures and words."""

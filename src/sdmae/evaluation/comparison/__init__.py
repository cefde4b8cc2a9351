"""Several detectors or methods side by side."""

"""Self-distilled masked auto-encoders for video anomaly detection."""

__version__ = "0.1.0"

"""A detector on recorded video: detect and calibrate, tables and plots, events with their pictures."""

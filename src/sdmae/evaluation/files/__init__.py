"""Scores, labels, tracks and detections in files, ours and anybody's."""

"""What the network is shown: benchmarks, the procedural scene, neighbours by time, synthetic anomalies, samples."""

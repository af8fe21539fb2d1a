"""The running line: threads, hand-over, state, metrics and telemetry."""

"""The ground: words, settings, errors, the clock, redaction and telemetry. Imports nothing of ours."""

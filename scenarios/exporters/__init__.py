"""One file per exporter: its real metric and label names over the signals of the homelab."""

"""Benchmarks: how fast and how large, measured over the simulated homelab. Run by `make bench`, never by a test."""

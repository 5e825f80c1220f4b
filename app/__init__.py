"""The front doors: command line and HTTP API, and the wiring that builds what they hand out."""

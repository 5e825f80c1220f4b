"""The program: classify → gather → retrieve → explain. Each step is a file; `assistant.py` reads top to bottom."""

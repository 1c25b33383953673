"""The parts of scripts/torture.py: the program, what it is run on, and the four kinds of harm."""

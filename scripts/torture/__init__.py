"""The parts of scripts/torture.py: the program, its inputs, and the four kinds of harm."""

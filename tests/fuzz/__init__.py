"""Damaged and hostile files for every reader: none may crash it, exhaust the machine, or make it write elsewhere.

`seeds` makes a small valid file of every kind and says what reads it, `mutations` damages its bytes or its structure,
`worker` reads what came of it in a process with limits, and `runner` counts what went wrong. Every case follows from a
seed and its number alone: ``python -m tests.fuzz --seed 1 --case 17`` repeats one.
"""

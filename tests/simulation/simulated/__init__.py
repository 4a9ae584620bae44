"""A small world in one thread: databases, processes, witnesses, people, and what goes wrong.

Time is virtual and all chance comes from one seed, so whatever happens once happens again.
"""

"""What the operators and the security desk are told: calls, prices and log lines that are odd.

Import from the modules, as everywhere in this room.
"""

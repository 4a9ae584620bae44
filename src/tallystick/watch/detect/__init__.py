"""What is odd: online detectors score orders, calls, prices and log lines, and say why.

Import from the modules: this one imports nothing, so that a server that only passes anomalies on
does not load the compiler of the detectors.
"""

"""What is learnt from judged cases: the classifier, its measures, and the public fraud benchmark.

Import from the modules: most of them need NumPy, which a server's process never loads.
"""

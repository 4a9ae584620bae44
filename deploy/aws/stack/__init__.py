"""Tallystick on AWS, from code: profiles say what, capabilities how, stacks only compose."""

import sys

# The CDK's modules are tens of megabytes of source: compiled anew at each import they cost seven
# seconds and twice the memory, so their bytecode is kept even where the environment says otherwise.
sys.dont_write_bytecode = False

"""How good the detectors are: yardsticks that anybody can hold them to."""

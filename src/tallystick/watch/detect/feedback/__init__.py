"""What people say of anomalies, and what is learnt from it; pure: entries in, sentences out."""

from tallystick.watch.detect.feedback.reading import judged
from tallystick.watch.detect.feedback.suppressions import Suppressions

__all__ = ["Suppressions", "judged"]

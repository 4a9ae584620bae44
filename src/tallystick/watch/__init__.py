"""The eyes: what was said (collect), what is odd (detect), who must know (notify)."""

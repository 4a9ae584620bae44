"""Two accounts that deal against each other."""

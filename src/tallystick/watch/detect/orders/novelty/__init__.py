"""Firsts of an account: hours and currencies."""

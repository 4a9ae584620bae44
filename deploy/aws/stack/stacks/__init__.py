"""Stacks: each composes capabilities and hands on what the next one needs."""

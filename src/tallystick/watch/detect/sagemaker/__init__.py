"""Hosting and training as SageMaker asks for them, and asking such a host."""

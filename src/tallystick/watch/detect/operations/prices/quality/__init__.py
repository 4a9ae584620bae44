"""The kernels that judge a quote by itself and by its own past."""

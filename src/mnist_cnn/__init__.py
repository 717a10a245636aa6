"""Train, compare, sweep and use small CNNs that read handwritten digits."""

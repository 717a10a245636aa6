"""Reads handwritten digits from photos and scans: from pixels to candidates.

Constants without a source were found by trial, on simulated photos of MNIST's training digits
(`python benchmarks/photos.py --part tuning`).
"""

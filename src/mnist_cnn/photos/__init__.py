"""Reads handwritten digits from photos and scans."""

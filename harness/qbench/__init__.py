"""qbench: how fast, how accurate and how trustworthy is this TFLite model on that phone?"""

__version__ = "0.1.0"

"""PyTorch networks trained on an image folder (extra `torch`)."""

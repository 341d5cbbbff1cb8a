"""Short messages without I/O: alphabets, segmentation, concatenation and the status graph."""

"""Short messages without I/O: alphabets, segmentation, concatenation, keywords and the status graph."""

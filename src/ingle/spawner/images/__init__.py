"""Images of code: mounted from a loop device, unpacked, or held as memory; never parsed with rights."""

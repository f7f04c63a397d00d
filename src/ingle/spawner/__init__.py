"""The privileged program that confines: one thread, standard library only (zygotes alone preload a runtime)."""

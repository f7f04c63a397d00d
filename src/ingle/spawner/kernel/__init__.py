"""What the spawner asks of the kernel: system calls, their filter, control groups, networks, user ids, signals."""

"""Count the resources of the process beside memory: descriptors, sockets, threads, asyncio tasks, child processes."""

"""The worker: runs the scenario and reads its memory, in a process of its own.

It uses the standard library only, of Python 3.10 and later: it runs in the interpreter of the scenario, where nothing of
this tool is installed. Its folder is started by its path and never stands on the import path, so it imports nothing from
outside. It sends one JSON line per message, and keeps nothing that grows.
"""

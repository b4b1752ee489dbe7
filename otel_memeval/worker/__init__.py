"""The worker: runs the scenario and reads its memory, in a process of its own.

Standard library only, Python 3.10 and later: it runs in whatever interpreter the scenario needs, where nothing of this
tool is installed. The folder is started by its path and never comes onto the scenario's import path, so it imports
nothing from outside itself. What it measures it sends as one JSON line a message, and keeps nothing that grows.
"""

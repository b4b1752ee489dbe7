"""The tools that are compared, one file each. What runs beside the scenario is standard library and the tool itself.

Each is started as ``python -m benchmarks.tools.TOOL MODULE NAME ITERATIONS WARMUP`` in the interpreter that has the
tool, from the folder above ``benchmarks``, and prints one JSON object on a line of its output: an ``Answer``.
"""

"""Run the compared tools, one file for each; only the standard library and the tool itself run beside the scenario.

Each is started as ``python -m benchmarks.tools.TOOL MODULE NAME ITERATIONS WARMUP`` in the interpreter that has the
tool, from the folder above ``benchmarks``, and prints a ``ToolAnswer`` as a JSON object on a line of its output.
"""

"""Holds a graph that `text2live export-step` wrote to the ONNX standard.

    python3 scripts/ci/checkStepGraph.py step.onnx

Needs onnx. Ends with status 1 if the checker refuses the graph or if it is no training step.
"""
import sys

import onnx

path = sys.argv[1]
onnx.checker.check_model(path, full_check=True)
graph = onnx.load(path).graph
outputs = {value.name for value in graph.output}
missing = {'losses', 'newParameters', 'newGradientSum', 'newSquareSum'} - outputs
if missing:
    sys.exit(f'{path}: a training step has the outputs {sorted(missing)}, this graph has {sorted(outputs)}')
print(f'{path}: {len(graph.node)} nodes, {len(graph.input)} inputs, accepted by onnx {onnx.__version__} with full_check')

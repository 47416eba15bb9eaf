#!/usr/bin/env python3
"""test_float.py TOOLS CACHE NAME...: the float program of each real model against onnxruntime on the same inputs.
The largest error may be 1e-3 of the output's range."""
import os, shutil, tempfile

import zoo
import numpy as np


def check(tools, cache, name):
    path = zoo.path_of(name, cache)
    work = tempfile.mkdtemp()
    try:
        inputs = zoo.feeds(path, 2, seed=1)
        zoo.tool(tools, 'axcompile', path, '--precision', 'float32', '--batch', '1', '-o', os.path.join(work, 'm'))
        got, ref = zoo.run_axon(tools, os.path.join(work, 'm'), inputs, work), zoo.run_ort(path, inputs)
        worst = 0.0
        for k, r in ref.items():
            x, r = got[k].astype(np.float64).ravel(), r.astype(np.float64).ravel()
            if x.shape != r.shape: return f'output {k}: {x.size} numbers, onnxruntime gives {r.size}'
            worst = max(worst, float(np.abs(x - r).max() / max(np.ptp(r), 1e-6)))
        print(f'{name}: largest error {worst:.2e} of the range', flush=True)
        return None if worst <= 1e-3 else f'error {worst:.2e} of the range, at most 1e-3 allowed'
    finally:
        shutil.rmtree(work)


if __name__ == '__main__':
    zoo.check_each(check)

#!/usr/bin/env python3
"""test_bits.py TOOLS CACHE NAME...: the int8 model gives the same bits with processor features masked one after another, with 1
and 2 threads and whatever memory held before, and recompiling gives the same bytes."""
import hashlib, os, shutil, tempfile

import zoo
import numpy as np

MASKS = ['scalar', 'avx2', 'avx2,avx512', 'avx2,avx512,avx512_vnni', 'all']


def digest(path):
    return hashlib.sha256(open(path, 'rb').read()).hexdigest()


def check(tools, cache, name):
    path = zoo.path_of(name, cache)
    work = tempfile.mkdtemp()
    try:
        calib, a, b = os.path.join(work, 'calib.npz'), os.path.join(work, 'a'), os.path.join(work, 'b')
        np.savez(calib, **zoo.feeds(path, 16, seed=2))
        for out, threads in ((a, '1'), (b, '2')):
            zoo.tool(tools, 'axcompile', path, '--calib', calib, '--batch', '1', '-o', out, '--threads', threads)
        if digest(os.path.join(a, 'model.axmodel')) != digest(os.path.join(b, 'model.axmodel')):
            return 'compiling with 1 and with 2 threads gives different files'
        stale = zoo.tool(tools, 'stale_arena', os.path.join(a, 'model.axmodel'), ok=False)
        if stale.returncode: return stale.stdout.strip()
        inputs = zoo.feeds(path, 2, seed=3)
        first = None
        for mask in MASKS:
            for cores in ('1', '2'):
                got = zoo.run_axon(tools, a, inputs, work, '--cores', cores, env={'AXON_CPU': mask})
                bits = {k: v.tobytes() for k, v in got.items()}
                first = first or bits
                if bits != first: return f'AXON_CPU={mask} with {cores} core(s) gives other bits than AXON_CPU={MASKS[0]} with 1'
        print(f'{name}: the same bits under {len(MASKS)} masks and 1 and 2 threads', flush=True)
        return None
    finally:
        shutil.rmtree(work)


if __name__ == '__main__':
    zoo.check_each(check)

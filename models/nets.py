"""One description of a network, read three ways.

A network is a function net(b, x) that calls the methods of a builder b: conv, add, concat and so on. Given a
Jax builder it computes (and, on the first call, makes its parameters); given an Export builder it writes the
ONNX graph. So the exported model is the trained one by construction, and make.py still checks it with
onnxruntime.

Arrays are NHWC in training, NCHW in ONNX. Parameters live in a flat dict, named like ONNX initializers:
"stem.weight" (HWIO), "stem.gamma", "stem.beta"; the running "stem.mean" and "stem.var" are state, not trained.
"""
import jax
import jax.numpy as jnp
import numpy as np
import onnx
import optax
from jax import lax
from onnx import TensorProto, helper, numpy_helper

EPS = 1e-3          # of batch normalization
OPSET, IR_VERSION = 17, 8


# --- training

ACTIVATIONS = {
    None: lambda x: x,
    'relu6': lambda x: jnp.clip(x, 0, 6),
    'hardswish': lambda x: x * jnp.clip(x + 3, 0, 6) / 6,
    'silu': lambda x: x * jax.nn.sigmoid(x),
}


class Jax:
    """Computes the network. With rng given, parameters that are missing are made."""

    def __init__(self, params, state, training=False, rng=None):
        self.params, self.state, self.training, self.rng = params, state, training, rng
        self.new_state = dict(state)

    def param(self, store, name, make):
        if self.rng is not None and name not in store:
            store[name] = jnp.asarray(make(self.rng), jnp.float32)
        return store[name]

    def conv(self, name, x, out, kernel=1, stride=1, depthwise=False, act=None, bn=True, bias=0.0):
        c = x.shape[-1]
        shape = (kernel, kernel, 1 if depthwise else c, out)
        std = (2 / (kernel * kernel * shape[2])) ** .5
        w = self.param(self.params, name + '.weight', lambda r: r.normal(0, std, shape))
        x = depthwise_conv(x, w, stride) if depthwise else plain_conv(x, w, stride)
        if bn:
            x = self.batch_norm(name, x)
        else:
            x = x + self.param(self.params, name + '.bias', lambda r: np.full(out, bias))
        return ACTIVATIONS[act](x)

    def batch_norm(self, name, x, momentum=0.03):
        c = x.shape[-1]
        gamma = self.param(self.params, name + '.gamma', lambda r: np.ones(c))
        beta = self.param(self.params, name + '.beta', lambda r: np.zeros(c))
        mean = self.param(self.state, name + '.mean', lambda r: np.zeros(c))
        var = self.param(self.state, name + '.var', lambda r: np.ones(c))
        if self.training:
            m = x.mean((0, 1, 2))
            v = jnp.maximum((x * x).mean((0, 1, 2)) - m * m, 0)
            self.new_state[name + '.mean'] = mean + momentum * (m - mean)
            self.new_state[name + '.var'] = var + momentum * (v - var)
            mean, var = m, v
        k = gamma * lax.rsqrt(var + EPS)
        return x * k + (beta - mean * k)

    def dense(self, name, x, out):
        w = self.param(self.params, name + '.weight', lambda r: r.normal(0, x.shape[-1] ** -.5, (x.shape[-1], out)))
        return x @ w + self.param(self.params, name + '.bias', lambda r: np.zeros(out))

    def width(self, x): return x.shape[-1]

    def add(self, a, b): return a + b

    def concat(self, xs): return jnp.concatenate(xs, -1)

    def split(self, x): return jnp.split(x, 2, -1)

    def max_pool(self, x, kernel):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, kernel, kernel, 1), (1, 1, 1, 1), 'SAME')

    def upsample(self, x): return x.repeat(2, 1).repeat(2, 2)

    def global_pool(self, x): return x.mean((1, 2))


def plain_conv(x, w, stride):
    p = w.shape[0] // 2
    return lax.conv_general_dilated(x, w, (stride, stride), ((p, p), (p, p)), dimension_numbers=('NHWC', 'HWIO', 'NHWC'))


def depthwise_conv(x, w, stride):
    """A sum of shifted products: XLA's own grouped convolution is some ten times slower to train on a CPU."""
    k, h, p = w.shape[0], x.shape[1], w.shape[0] // 2
    x = jnp.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    return sum(x[:, i:i + h:stride, j:j + h:stride] * w[i, j, 0] for i in range(k) for j in range(k))


def init(net, shape, seed):
    params, state = {}, {}
    net(Jax(params, state, rng=np.random.default_rng(seed)), jnp.zeros(shape))
    return params, state


class Restore(Jax):
    """Takes parameters out of a model exported with its normalization folded, to train it further.

    Normalization is unfolded so that the function stays the same: each layer's own mean and variance on the
    given pictures become its statistics, and scale and shift undo them."""

    def __init__(self, path):
        super().__init__({}, {}, rng=np.random.default_rng(0))
        self.stored = {w.name: numpy_helper.to_array(w) for w in onnx.load(path).graph.initializer}

    def conv(self, name, x, out, kernel=1, stride=1, depthwise=False, act=None, bn=True, bias=0.0):
        w, shift = jnp.asarray(self.stored[name + '.weight'].transpose(2, 3, 1, 0)), self.stored[name + '.bias']
        self.params[name + '.weight'] = w
        y = depthwise_conv(x, w, stride) if depthwise else plain_conv(x, w, stride)
        if bn:
            mean, var = y.mean((0, 1, 2)), y.var((0, 1, 2))
            self.state.update({name + '.mean': mean, name + '.var': var})
            self.params.update({name + '.gamma': jnp.sqrt(var + EPS), name + '.beta': shift + mean})
        else:
            self.params[name + '.bias'] = jnp.asarray(shift)
        return ACTIVATIONS[act](y + shift)


def restore(net, path, x):
    b = Restore(path)
    net(b, jnp.asarray(x))
    return b.params, b.state


def train(net, params, state, loss, batches, steps, rate, decay=1e-2, report=100, log=print):
    """AdamW under a one-cycle schedule; returns the moving average of parameters and the state.

    batches yields tuples whose first item is the input; loss(outputs, *rest) gives a scalar."""
    schedule = optax.warmup_cosine_decay_schedule(rate / 20, rate, min(steps // 10 + 1, 300), steps, rate / 50)
    optimizer = optax.adamw(schedule, weight_decay=decay, mask=lambda p: {k: k.endswith('.weight') for k in p})
    optimizer = optax.chain(optax.clip_by_global_norm(10.0), optimizer)

    @jax.jit
    def step(params, state, average, opt, n, x, *rest):
        def objective(p):
            b = Jax(p, state, training=True)
            return loss(net(b, x), *rest), b.new_state
        (value, state), grad = jax.value_and_grad(objective, has_aux=True)(params)
        update, opt = optimizer.update(grad, opt, params)
        params = optax.apply_updates(params, update)
        keep = jnp.minimum(0.998, (1 + n) / (10 + n))
        average = jax.tree.map(lambda a, p: keep * a + (1 - keep) * p, average, (params, state))
        return params, state, average, opt, value

    opt, average, total = optimizer.init(params), (params, state), 0.0
    for n in range(steps):
        params, state, average, opt, value = step(params, state, average, opt, float(n), *next(batches))
        total += float(value)
        if (n + 1) % report == 0:
            log(f'step {n + 1}/{steps}  loss {total / report:.4f}')
            total = 0.0
    return jax.tree.map(np.asarray, average)


# --- export

class Export:
    """Writes the network as ONNX nodes. A value is its name; channels are kept beside it."""

    def __init__(self, params, state, fold_bn):
        self.params, self.state, self.fold_bn = params, state, fold_bn
        self.nodes, self.weights, self.channels = [], [], {}

    def node(self, op, inputs, name, channels=None, outputs=None, **attributes):
        outputs = outputs or [name + '.out']
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        for o in outputs:
            self.channels[o] = channels
        return outputs[0] if len(outputs) == 1 else outputs

    def const(self, name, value, dtype=np.float32):
        if all(w.name != name for w in self.weights):
            self.weights.append(numpy_helper.from_array(np.ascontiguousarray(np.asarray(value, dtype)), name))
        return name

    def fresh(self, kind):
        return f'{kind}_{sum(n.op_type.lower() == kind for n in self.nodes)}'

    def conv(self, name, x, out, kernel=1, stride=1, depthwise=False, act=None, bn=True, bias=0.0):
        w = np.asarray(self.params[name + '.weight']).transpose(3, 2, 0, 1)
        fold = bn and self.fold_bn
        b = None if bn else self.params[name + '.bias']
        if fold:
            k = self.params[name + '.gamma'] / np.sqrt(self.state[name + '.var'] + EPS)
            w, b = w * k[:, None, None, None], self.params[name + '.beta'] - self.state[name + '.mean'] * k
        inputs = [x, self.const(name + '.weight', w)] + ([] if b is None else [self.const(name + '.bias', b)])
        x = self.node('Conv', inputs, name, out, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                      pads=[kernel // 2] * 4, dilations=[1, 1], group=out if depthwise else 1)
        if bn and not fold:
            stats = [self.const(f'{name}.{s}', (self.params if s in ('gamma', 'beta') else self.state)[f'{name}.{s}'])
                     for s in ('gamma', 'beta', 'mean', 'var')]
            x = self.node('BatchNormalization', [x] + stats, name + '.bn', out, epsilon=EPS)
        return self.activate(name, x, act)

    def activate(self, name, x, act):
        c = self.channels[x]
        if act == 'relu6':
            return self.node('Clip', [x, self.const('zero', 0.0), self.const('six', 6.0)], name + '.relu6', c)
        if act == 'hardswish':
            return self.node('HardSwish', [x], name + '.hardswish', c)
        if act == 'silu':
            return self.node('Mul', [x, self.node('Sigmoid', [x], name + '.sigmoid', c)], name + '.silu', c)
        return x

    def dense(self, name, x, out):
        w, b = np.asarray(self.params[name + '.weight']).T, self.params[name + '.bias']
        inputs = [x, self.const(name + '.weight', w), self.const(name + '.bias', b)]
        return self.node('Gemm', inputs, name, out, transB=1)

    def width(self, x): return self.channels[x]

    def add(self, a, b): return self.node('Add', [a, b], self.fresh('add'), self.channels[a])

    def concat(self, xs):
        return self.node('Concat', xs, self.fresh('concat'), sum(self.channels[x] for x in xs), axis=1)

    def split(self, x):
        c, name = self.channels[x] // 2, self.fresh('split')
        sizes = self.const(f'split_{c}_{c}', [c, c], np.int64)
        return self.node('Split', [x, sizes], name, c, outputs=[name + '.a', name + '.b'], axis=1)

    def max_pool(self, x, kernel):
        return self.node('MaxPool', [x], self.fresh('maxpool'), self.channels[x], kernel_shape=[kernel] * 2,
                         strides=[1, 1], pads=[kernel // 2] * 4)

    def upsample(self, x):
        return self.node('Resize', [x, '', self.const('twice', [1, 1, 2, 2])], self.fresh('resize'), self.channels[x],
                         mode='nearest', coordinate_transformation_mode='asymmetric', nearest_mode='floor')

    def global_pool(self, x):
        x = self.node('GlobalAveragePool', [x], 'pool', self.channels[x])
        return self.node('Flatten', [x], 'flatten', self.channels[x], axis=1)

    def begin(self, name, channels):
        self.channels[name] = channels
        return name

    def finish(self, path, name, inputs, outputs, doc):
        """Write the model; outputs are (public name, value, shape)."""
        renamed = {value: public for public, value, _ in outputs}
        for n in self.nodes:
            for refs in (n.input, n.output):
                refs[:] = [renamed.get(v, v) for v in refs]
        info = lambda n, s: helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
        graph = helper.make_graph(self.nodes, name, [info(*i) for i in inputs], [info(p, s) for p, _, s in outputs], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=IR_VERSION,
                                  producer_name='axon-models', doc_string=doc)
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)
        return sum(int(np.prod(w.dims)) for w in self.weights)

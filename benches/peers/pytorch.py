#!/usr/bin/env python3
"""PyTorch's times for the workloads of `anygrad bench`, under the same names: a JSON object a line,
{"case": .., "min_ms": .., "gflops": ..}.

    pytorch.py [--device cuda] [--threads N] [--seconds S] [--only PART]

In float32 with TF32 off, as anygrad computes; cases that end in " tf32" allow it. Eager mode, what runs
most often; steps of training also with their launches captured once (" graph"). On a GPU, runs follow each
other for 20 ms before one waits for the device, as in `anygrad bench`."""
import argparse
import json
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--seconds", type=float, default=1.0)
parser.add_argument("--only", default="")
OPTIONS = parser.parse_args()
ON_GPU = OPTIONS.device == "cuda"
torch.set_num_threads(OPTIONS.threads)
torch.manual_seed(0)


def wait():
    if ON_GPU:
        torch.cuda.synchronize()


def rand(*sizes, dtype=torch.float32, grad=False):
    x = torch.rand(*sizes, device=OPTIONS.device).mul_(0.2).sub_(0.1).to(dtype)
    return x.requires_grad_(grad)


def bench(name, prepare, operations=0.0):
    """Times what `prepare` returns."""
    if OPTIONS.only not in name:
        return
    try:
        run = prepare()
        for _ in range(3):
            run()
        wait()

        def timed(in_a_row):
            start = time.perf_counter()
            for _ in range(in_a_row):
                run()
            wait()
            return (time.perf_counter() - start) * 1e3 / in_a_row

        in_a_row = int(min(max(20 / timed(1), 1), 100)) if ON_GPU else 1
        times, end = [], time.perf_counter() + OPTIONS.seconds
        while len(times) < 5 or time.perf_counter() < end:
            times.append(timed(in_a_row))
    except RuntimeError as error:
        print(f"{name}: {error}", flush=True)
        return
    best = min(times)
    print(json.dumps({"case": name, "min_ms": round(best, 5), "gflops": round(operations / best / 1e6, 1)}), flush=True)


def with_tf32(name, prepare, operations=0.0):
    """Twice: in float32, and with TF32 allowed."""
    for allowed in [False, True] if ON_GPU else [False]:
        torch.backends.cuda.matmul.allow_tf32 = allowed
        torch.backends.cudnn.allow_tf32 = allowed
        bench(name + (" tf32" if allowed else ""), prepare, operations)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def matmul(name, rows, terms, columns, dtype=torch.float32):
    def prepare():
        a, b = rand(rows, terms, dtype=dtype), rand(terms, columns, dtype=dtype)
        y = torch.empty(rows, columns, dtype=dtype, device=OPTIONS.device)
        return lambda: torch.matmul(a, b, out=y)

    (with_tf32 if dtype == torch.float32 else bench)(name, prepare, 2.0 * rows * terms * columns)


def convolutions(names, x, w):
    padding = w[2] // 2
    operations = 2.0 * x[0] * x[2] * x[3] * w[0] * w[1] * w[2] * w[3]
    sizes = (x[0], w[0], x[2], x[3])

    def backward(mask):
        def prepare():
            a, b, dy = rand(*x), rand(*w), rand(*sizes)
            arguments = ([0], [1, 1], [padding, padding], [1, 1], False, [0, 0], 1, mask)
            return lambda: torch.ops.aten.convolution_backward(dy, a, b, *arguments)

        return prepare

    def forward():
        a, b = rand(*x), rand(*w)
        return lambda: F.conv2d(a, b, padding=padding)

    torch.backends.cudnn.benchmark = True
    with_tf32(names[0], forward, operations)
    with_tf32(names[1], backward([True, False, False]), operations)
    with_tf32(names[2], backward([False, True, False]), operations)


def rows(names, rows_count, columns):
    x = lambda: rand(rows_count, columns)
    bench(names[0], lambda: (lambda a: lambda: torch.softmax(a, -1))(x()))
    bench(names[1], lambda: (lambda a: lambda: F.layer_norm(a, (columns,)))(x()))


def chain(name, count):
    def prepare():
        x = rand(count)
        return lambda: torch.relu(x * 1.5 - 0.25) * 0.75 + 0.1

    bench(name, prepare)


def lstm(names, batch, steps, units):
    operations = 2.0 * batch * steps * 8 * units * units

    def prepare(with_gradients):
        def inner():
            layer = nn.LSTM(units, units, batch_first=True).to(OPTIONS.device)
            x = rand(batch, steps, units, grad=with_gradients)

            def run():
                if not with_gradients:
                    with torch.no_grad():
                        return layer(x)
                y, _ = layer(x)
                (y * y).sum().backward()

            return run

        return inner

    with_tf32(names[0], prepare(False), operations)
    with_tf32(names[1], prepare(True), 3 * operations)


def training(name, model, x, loss, operations=0.0):
    """A step with Adam, in eager mode and, on a GPU, with its launches captured once."""

    def prepare(captured):
        def inner():
            net = model().to(OPTIONS.device)
            inputs = x()
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=ON_GPU, capturable=ON_GPU)

            def step():
                optimizer.zero_grad(set_to_none=False)
                loss(net(inputs)).backward()
                optimizer.step()

            if not captured:
                return step
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    step()
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                step()
            return graph.replay

        return inner

    with_tf32(name, prepare(False), operations)
    if ON_GPU:
        with_tf32(name + " graph", prepare(True), operations)


def classes(batch, count=10):
    return torch.randint(0, count, (batch,), device=OPTIONS.device)


def mnist():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


class Block(nn.Module):
    """Two convolutions with batch norm, around which the input goes."""

    def __init__(self, channels, filters, stride):
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(channels, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(),
            nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters),
        )  # fmt: skip
        self.around = nn.Identity()
        if stride != 1 or channels != filters:
            around = nn.Conv2d(channels, filters, 1, stride, bias=False)
            self.around = nn.Sequential(around, nn.BatchNorm2d(filters))

    def forward(self, x):
        return F.relu(self.inner(x) + self.around(x))


def resnet():
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for filters, stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        layers += [Block(channels, filters, stride), Block(filters, filters, 1)]
        channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


class Lstm2(nn.Module):
    """Two layers of LSTM over one feature, and a dense layer of the last state."""

    def __init__(self, units):
        super().__init__()
        self.lstm = nn.LSTM(1, units, 2, batch_first=True)
        self.dense = nn.Linear(units, 1)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])


if ON_GPU:
    matmul("matmul 4096", 4096, 4096, 4096)
    matmul("matmul 4096, f16", 4096, 4096, 4096, torch.float16)
    matmul("matmul 2048", 2048, 2048, 2048)
    matmul("matmul 512", 512, 512, 512)
    matmul("matmul 64x4096x4096", 64, 4096, 4096)
    matmul("matmul 1x4096x16384", 1, 4096, 16384)
    matmul("matmul 128x65536x128", 128, 65536, 128)
    wide = ["conv 3x3 64c 56x56", "its input gradient, 64c 56x56", "its weight gradient, 64c 56x56"]
    convolutions(wide, (64, 64, 56, 56), (64, 64, 3, 3))
    deep = ["conv 3x3 256c 14x14", "its input gradient, 256c 14x14", "its weight gradient, 256c 14x14"]
    convolutions(deep, (64, 256, 14, 14), (256, 256, 3, 3))
    point = ["conv 1x1 256c 56x56", "its input gradient, 1x1", "its weight gradient, 1x1"]
    convolutions(point, (64, 256, 56, 56), (64, 256, 1, 1))
    bench("max pool 64x64x112x112", lambda: (lambda x: lambda: F.max_pool2d(x, 2))(rand(64, 64, 112, 112)))
    rows(["softmax 32768x4096", "layer norm 32768x4096"], 32768, 4096)
    chain("relu(a x + b) c + d, 128M", 1 << 27)
    bench("sum 256M", lambda: (lambda x: lambda: x.sum())(rand(1 << 28)))
    lstm(["LSTM 256", "LSTM 256 with gradients"], 32, 50, 256)
    lstm(["LSTM 1024", "LSTM 1024 with gradients"], 64, 50, 1024)
else:
    matmul("matmul 512", 512, 512, 512)
    matmul("matmul 1024", 1024, 1024, 1024)
    same = ["conv 3x3", "conv 3x3 input gradient", "conv 3x3 weight gradient"]
    convolutions(same, (8, 32, 56, 56), (64, 32, 3, 3))
    bench("max pool 32x32x28x28", lambda: (lambda x: lambda: F.max_pool2d(x, 2))(rand(32, 32, 28, 28)))
    rows(["softmax 4096x1024", "layer norm 4096x1024"], 4096, 1024)
    chain("relu(a x + b) c + d, 16M", 1 << 24)
    bench("sum 16M", lambda: (lambda x: lambda: x.sum())(rand(1 << 24)))
    lstm(["LSTM 64", "LSTM 64 with gradients"], 32, 50, 64)
    lstm(["LSTM 256", "LSTM 256 with gradients"], 32, 50, 256)
for batch in [64, 1024] if ON_GPU else [64]:
    y = classes(batch)
    images = lambda: rand(batch, 1, 28, 28)
    operations = 6.0 * batch * (26 * 26 * 32 * 9 + 11 * 11 * 64 * 32 * 9 + 1600 * 128 + 1280)
    training(f"MNIST CNN step, batch {batch}", mnist, images, lambda z: F.cross_entropy(z, y), operations)
units = 256 if ON_GPU else 64
training(f"2x LSTM({units}) step, B32 T50", lambda: Lstm2(units), lambda: rand(32, 50, 1), lambda z: (z * z).mean())
if ON_GPU:
    y = classes(32, 10)
    images = lambda: rand(32, 3, 224, 224)
    training("ResNet-18 step, 32x3x224x224", resnet, images, lambda z: F.cross_entropy(z, y), 6.0 * 1.82e9 * 32)

#!/usr/bin/env python3
"""anygrad beside other engines, in one run on one machine.

    benches/peers.py FOLDER [--anygrad COMMAND] [--python PYTHON] [--quick] [--json FILE]

FOLDER holds what times the other engines, one entry each:
  NAME.py           run with PYTHON, which has the libraries that it imports; takes --threads and --seconds
  NAME/Cargo.toml   the program in its target/release, if it was built there; takes PEER_BUDGET_S
Each writes a JSON object a line for each case: {"case": .., "min_ms": ..}. What is not there, not built or
does not run is named with the reason, and so are folders of any other kind.

`anygrad bench` runs before and after the others, and the least of both counts: a machine that gets busy
in between favours nobody. A ratio is anygrad's time divided by the other's: 0.5 is twice as fast."""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# For each measurement of `anygrad bench` the cases that do the same, beside those of its own name, and by how
# much a case must be multiplied where it does it on fewer numbers, or in another unit.
FEWER = 2**24 / 16_000_000
SAME = {
    "matmul 512": {"matmul_512": 1, "matmul_f32_512": 1},
    "matmul 1024": {"matmul_1024": 1, "matmul_f32_1024": 1, "matmul_1024_tf": 1},
    "conv 3x3": {"conv_n8_c32_56x56_oc64_k3p1": 1, "conv2d_n8_c32_56x56_oc64_k3p1": 1},
    "max pool 32x32x28x28": {"maxpool_k2s2_32x32x28x28": 1, "maxpool2x2_n32_c32_28x28": 1},
    "softmax 4096x1024": {"softmax_4096x1024": 1},
    "layer norm 4096x1024": {"layernorm_4096x1024": 1},
    "relu(a x + b) c + d, 16M": {"elementwise_relu_axb_c_d_16M": FEWER, "relu(a*x+b)*c+d_16M": 1},
    "sum 16M": {"reduce_sum_16M": FEWER},
    "LSTM 64": {"lstm_t50_b32_i64_h64": 1},
    "LSTM 256": {"lstm_t50_b32_i256_h256": 1},
    "MNIST CNN step, batch 64": {
        "mnist_cnn_train_b64_adam_graph": 1,
        "mnist_cnn_train_b64_adam_xla": 1,
        "mnist_cnn_train_step_b64": 1,
    },
    "2x LSTM(64) step, B32 T50": {"lstm64x2_train_b32_t50_adam_graph": 1, "lstm64x2_train_b32_t50_adam_xla": 1},
    "cold start, nothing cached": {"cold_start_first_step": 1, "cold_start_first_train_step": 1},
}


def anygrad(command, quick):
    """The milliseconds of each measurement, and the adapter."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "bench.json"
        arguments = ["bench", "--json", str(path)] + (["--quick"] if quick else [])
        subprocess.run([command, *arguments], check=True, stdout=subprocess.DEVNULL)
        report = json.loads(path.read_text())
    if report["build"] != "release":
        print(f"anygrad is a {report['build']} build: its figures are not those of a release build.")
    times = {work["name"]: work["best_ms"] for work in report["workloads"]}
    factor = {"ms": 1, "s": 1e3}
    times |= {f["name"]: f["value"] * factor[f["unit"]] for f in report["figures"] if f["unit"] in factor}
    return times, report["adapter"]


def program(folder):
    """The built program of a cargo project."""
    name = re.search(r'^name\s*=\s*"(.+)"', (folder / "Cargo.toml").read_text(), re.M)
    built = folder / "target" / "release" / (name[1] if name else folder.name)
    return built if built.exists() else None


def peer(path, options):
    """The milliseconds of each case of another engine; or why there are none."""
    seconds = "0.5" if options.quick else "3"
    environment = {**os.environ, "PEER_BUDGET_S": seconds, "PEER_MIN_RUNS": "3"}
    if path.suffix == ".py":
        command = [options.python, str(path), "--threads", str(options.threads), "--seconds", seconds]
    elif (path / "Cargo.toml").exists():
        built = program(path)
        if built is None:
            return {}, "is not built; `cargo build --release` in its folder builds it"
        command = [str(built.resolve())]
    else:
        return {}, "is no script and no cargo project, and is not run"
    try:
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=options.timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {}, f"does not run: {error}"
    cases = {}
    for line in ran.stdout.splitlines():
        try:
            case = json.loads(line)
            cases[case["case"]] = float(case.get("min_ms", case.get("ms")))
        except (ValueError, KeyError, TypeError):
            continue
    if ran.returncode != 0:
        reason = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
        return cases, f"failed: {reason}"
    return cases, None if cases else "wrote no case"


def compared(times, peers):
    """(measurement, anygrad's ms, engine, case, its ms, ratio) for all that can be compared."""
    for name in times:
        same = {name: 1, name + " tf32": 1, name + " graph": 1} | SAME.get(name, {})
        for engine, cases in peers.items():
            for case, factor in same.items():
                if case in cases:
                    theirs = cases[case] * factor
                    yield name, times[name], engine, case, theirs, times[name] / theirs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="what times the other engines")
    parser.add_argument("--anygrad", default="target/release/anygrad", help="the anygrad command")
    parser.add_argument("--python", default=sys.executable, help="a Python with their libraries")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for those on the processor")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for each of them")
    parser.add_argument("--quick", action="store_true", help="shorter, and less certain")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures to this file")
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is no folder")
    entries = sorted(p for p in options.folder.iterdir() if p.suffix == ".py" or p.is_dir())
    try:
        before, adapter = anygrad(options.anygrad, options.quick)
        peers, missing = {}, {}
        for entry in entries:
            cases, reason = peer(entry, options)
            if cases:
                peers[entry.stem] = cases
            if reason:
                missing[entry.stem] = reason
        after, _ = anygrad(options.anygrad, options.quick)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")
    times = {name: min(before[name], after[name]) for name in before}
    rows = list(compared(times, peers))
    print(f"anygrad on {adapter}; the others on {options.threads} threads where they run on the processor.")
    print(f"{'measurement':<28}{'anygrad ms':>12}  {'engine':<12}{'case':<34}{'ms':>10}{'ratio':>8}")
    for name, ours, engine, case, theirs, ratio in rows:
        print(f"{name:<28}{ours:>12.3f}  {engine:<12}{case:<34}{theirs:>10.3f}{ratio:>8.2f}")
    for name, reason in missing.items():
        print(f"missing: {name} {reason}")
    alone = [name for name in times if name not in {row[0] for row in rows}]
    if alone:
        print(f"nothing to compare with: {'; '.join(alone)}")
    if options.json:
        keys = ("measurement", "anygrad_ms", "engine", "case", "ms", "ratio")
        report = {"adapter": adapter, "ratios": [dict(zip(keys, row)) for row in rows], "missing": missing}
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()

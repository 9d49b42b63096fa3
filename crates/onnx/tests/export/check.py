"""Checks exported models with the official checker and runs them in onnxruntime.

    python check.py FOLDER

Each folder in FOLDER holds model.onnx, input_NAME.pb and output_NAME.pb (tensors as ONNX writes them) and, on the
first line of tolerance.txt, an absolute and a relative tolerance. Prints a line for each folder that is wrong.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

ort.set_default_logger_severity(4)


def tensors(folder, kind):
    found = {}
    for path in sorted(folder.glob(f"{kind}_*.pb")):
        tensor = onnx.TensorProto()
        tensor.ParseFromString(path.read_bytes())
        found[tensor.name] = numpy_helper.to_array(tensor)
    return found


def check(folder):
    path = str(folder / "model.onnx")
    onnx.checker.check_model(path, full_check=True)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {node.name for node in session.get_inputs()}
    inputs = {name: array for name, array in tensors(folder, "input").items() if name in given}
    wanted = tensors(folder, "output")
    absolute, relative = map(float, (folder / "tolerance.txt").read_text().split()[:2])
    names = [node.name for node in session.get_outputs()]
    assert sorted(names) == sorted(wanted), f"outputs {names}, wanted {sorted(wanted)}"
    for name, got in zip(names, session.run(names, inputs)):
        want = wanted[name]
        assert got.shape == want.shape, f"{name}: shape {got.shape}, wanted {want.shape}"
        assert got.dtype == want.dtype, f"{name}: dtype {got.dtype}, wanted {want.dtype}"
        got, want = got.astype(np.float64), want.astype(np.float64)
        with np.errstate(invalid="ignore"):
            off = ~(np.abs(got - want) <= absolute + relative * np.abs(want))
        off &= ~((got == want) | (np.isnan(got) & np.isnan(want)))
        if off.any():
            at = tuple(int(i[0]) for i in np.nonzero(off))
            raise AssertionError(f"{name}{list(at)} is {got[at]}, wanted {want[at]}; {int(off.sum())} of {off.size} are off")


def main():
    folders = sorted(folder for folder in pathlib.Path(sys.argv[1]).iterdir() if folder.is_dir())
    wrong = 0
    for folder in folders:
        # What a crash is due to.
        print(f"AT {folder.name}", flush=True)
        try:
            check(folder)
        except Exception as error:
            wrong += 1
            print(f"WRONG {folder.name}: {' '.join(str(error).split())[:300]}")
    print(f"CHECKED {len(folders)} WRONG {wrong}")


main()

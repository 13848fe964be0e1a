#!/usr/bin/env python3
"""Times batches of texts on torch and OpenVINO, as `apus bench MODEL --texts` does on Apus.

    Benchmarks/peers/encoders.py torch MODEL --texts 1x32,32x32 [--dtypes float32,bfloat16] [--threads 2]
    Benchmarks/peers/encoders.py convert MODEL FILE.xml
    Benchmarks/peers/encoders.py quantise FILE.xml INT8.xml
    Benchmarks/peers/encoders.py openvino FILE.xml --texts 1x32,32x32 [--dtypes f32,bf16] [--threads 2]

MODEL is a folder of an encoder. Printed are texts a second of the median step. Texts of a batch are of equal length, so
that no peer pays for padding. Needs torch and transformers, or openvino; `convert` needs all three. `quantise` makes
OpenVINO's int8 of weights and activations (nncf), scaled by random ids: for its speed.
"""
import argparse
import time


def measure(title, texts, seconds, step):
    for shape in texts.split(","):
        count, length = map(int, shape.split("x"))
        step(count, length)
        times, begin = [], time.monotonic()
        while len(times) < 3 or time.monotonic() - begin < seconds:
            start = time.monotonic()
            step(count, length)
            times.append(time.monotonic() - start)
        print(f"{title} {shape}: {count / sorted(times)[len(times) // 2]:.1f} texts/s", flush=True)


def load(folder, dtype):
    import torch
    import transformers

    architecture = transformers.AutoConfig.from_pretrained(folder).architectures[0]
    return getattr(transformers, architecture).from_pretrained(folder, dtype=getattr(torch, dtype)).eval()


def with_torch(options):
    import torch

    torch.set_num_threads(options.threads)
    for dtype in (options.dtypes or "float32,bfloat16").split(","):
        model = load(options.model, dtype)

        def step(count, length):
            ids = torch.randint(5, 20000, (count, length))
            with torch.inference_mode():
                model(input_ids=ids, attention_mask=torch.ones_like(ids))

        measure(f"torch {dtype}", options.texts, options.seconds, step)


def convert(options):
    import openvino
    import torch

    class Outputs(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, ids, mask):
            return self.model(input_ids=ids, attention_mask=mask, return_dict=False)[0]

    ids = torch.randint(5, 1000, (2, 16))
    with torch.no_grad():
        found = openvino.convert_model(
            Outputs(load(options.model, "float32")), example_input=(ids, torch.ones_like(ids)))
    openvino.save_model(found, options.output, compress_to_fp16=False)


def quantise(options):
    import nncf
    import numpy
    import openvino

    def inputs(_):
        ids = numpy.random.randint(5, 1000, (4, 32))
        return [ids, numpy.ones_like(ids)] + [numpy.zeros_like(ids)] * (len(model.inputs) - 2)

    model = openvino.Core().read_model(options.model)
    found = nncf.quantize(
        model, nncf.Dataset(range(20), inputs), subset_size=20, model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(found, options.output)


def with_openvino(options):
    import numpy
    import openvino

    for dtype in (options.dtypes or "f32,bf16").split(","):
        settings = {"INFERENCE_PRECISION_HINT": dtype, "INFERENCE_NUM_THREADS": options.threads,
                    "PERFORMANCE_HINT": "LATENCY"}
        request = openvino.Core().compile_model(options.model, "CPU", settings).create_infer_request()

        # The third, which some conversions have, are segments.
        segments = len(request.model_inputs) > 2

        def step(count, length):
            ids = numpy.random.randint(5, 20000, (count, length))
            request.infer([ids, numpy.ones_like(ids)] + [numpy.zeros_like(ids)] * segments)

        measure(f"openvino {dtype}", options.texts, options.seconds, step)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=["torch", "convert", "quantise", "openvino"])
    parser.add_argument("model")
    parser.add_argument("output", nargs="?")
    parser.add_argument("--texts", default="1x32,32x32")
    parser.add_argument("--dtypes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    {"torch": with_torch, "convert": convert, "quantise": quantise, "openvino": with_openvino}[options.peer](options)


main()

#!/usr/bin/env python3
"""Exchanges models with PyTorch, both ways: safetensors_torch.py PATH_OF_LETHE

1. lethe makes a dense and a pruned ResNet-18; safetensors.torch.load_file reads the file,
   torchvision's resnet18 with a 3x3 stem takes it with load_state_dict(strict=True), and gives lethe's logits.
2. torchvision's network is saved by safetensors.torch.save_file: plain, as DataParallel names it, and pruned
   by torch.nn.utils.prune; `lethe predict --arch resnet18 --classes ... --mean ... --std ...` gives its
   logits.

CTest runs it with the interpreter named by LETHE_PYTHON, or python3. Exits with 77, which CTest counts as
skipped, where torch, torchvision, safetensors or numpy cannot be imported.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy
    import torch
    import torchvision
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file
    from torch.nn.utils import prune
except ImportError as error:
    print(f"SKIPPED: {error}")
    sys.exit(77)

CLASSES, CHANNELS = 10, 3
DATA = ["--dataset", "synthetic", "--synthetic-train", "64", "--synthetic-test", "32",
        "--synthetic-size", "32", "--synthetic-channels", str(CHANNELS), "--synthetic-classes", str(CLASSES)]
RUN = ["--precision", "f32", "--threads", "2", "--quiet"]
MEAN, STD = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]
TOLERANCE = 1e-4


def lethe(*arguments):
    done = subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"lethe {' '.join(arguments)}\nexited with {done.returncode}: {done.stderr}")


def predict(folder, *model):
    """The logits of lethe for the test images, and these images."""
    logits, images = os.path.join(folder, "logits.npy"), os.path.join(folder, "images.npy")
    lethe("predict", *model, *DATA, *RUN, "--split", "test", "--logits", logits, "--images", images)
    return numpy.load(logits), numpy.load(images)


def resnet18():
    network = torchvision.models.resnet18(num_classes=CLASSES)
    network.conv1 = torch.nn.Conv2d(CHANNELS, 64, 3, 1, 1, bias=False)
    network.maxpool = torch.nn.Identity()
    return network.eval()


def torch_logits(network, images, mean, std):
    x = torch.from_numpy(images).permute(0, 3, 1, 2).double() / 255
    x = (x - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)
    with torch.no_grad():
        return network.double()(x).numpy()


def compare(what, found, wanted):
    spread = wanted - wanted.mean(axis=0)  # a network that answers the same to every image proves nothing
    distance = numpy.linalg.norm(found - wanted) / numpy.linalg.norm(spread)
    print(f"{what}: logits {found.shape}, relative distance {distance:.2e}")
    if not (found.shape == wanted.shape == (32, CLASSES) and distance < TOLERANCE):
        sys.exit(f"{what}: the logits differ")


def check_lethe_to_torch(folder):
    dense, sparse = os.path.join(folder, "dense"), os.path.join(folder, "sparse")
    lethe("train", "--arch", "resnet18", *DATA, *RUN, "--epochs", "1", "--batch", "16", "--out", dense)
    lethe("prune", "--model", dense, *RUN, "--method", "omp", "--sparsity", "0.9", "--epochs", "0",
          "--out", sparse)
    for run in dense, sparse:
        path = os.path.join(run, "model.safetensors")
        tensors = load_file(path)
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        info = json.loads(metadata["lethe"])
        if metadata["format"] != "pt" or info["arch"] != "resnet18" or info["input"] != [CHANNELS, 32, 32]:
            sys.exit(f"{path}: unexpected metadata {metadata}")
        masks = {name[:-5]: tensors.pop(name) for name in list(tensors) if name.endswith("_mask")}
        if (len(masks) > 0) != (run == sparse):
            sys.exit(f"{path}: {len(masks)} masks")
        for name, mask in masks.items():
            if not torch.equal(tensors[name] * mask, tensors[name]):
                sys.exit(f"{path}: {name} is not zero where its mask is")
        network = resnet18()
        network.load_state_dict(tensors, strict=True)
        logits, images = predict(folder, "--model", path)
        compare(f"lethe's {os.path.basename(run)} model in torch",
                logits, torch_logits(network, images, info["mean"], info["std"]))


def random_network():
    torch.manual_seed(1)
    network = resnet18()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(1, 1.5)
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.uniform_(module.bias, -0.1, 0.1)
            module.num_batches_tracked += 7
    return network


def prune_network(network):
    convolutions = [(m, "weight") for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    prune.global_unstructured(convolutions, prune.L1Unstructured, amount=0.5)
    return network


def check_torch_to_lethe(folder):
    def list_text(values):
        return ",".join(str(value) for value in values)

    path = os.path.join(folder, "torch.safetensors")
    options = ["--arch", "resnet18", "--classes", str(CLASSES),
               "--mean", list_text(MEAN), "--std", list_text(STD)]
    forms = {
        "torch's plain model": (random_network(), ""),
        "torch's DataParallel model": (random_network(), "module."),
        "torch's pruned model": (prune_network(random_network()), ""),
    }
    for what, (network, prefix) in forms.items():
        save_file({prefix + name: value.contiguous() for name, value in network.state_dict().items()}, path)
        logits, images = predict(folder, "--model", path, *options)
        compare(f"{what} in lethe", logits, torch_logits(network, images, MEAN, STD))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        check_lethe_to_torch(folder)
        check_torch_to_lethe(folder)


main()

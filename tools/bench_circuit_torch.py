#!/usr/bin/python3
"""Edge attribution with integrated gradients: attest against eager PyTorch, in turns on this machine.

  apt-get install python3-torch libopenblas0-pthread     (torch 1.13; without OpenBLAS it takes
                                                          the reference BLAS, ten times slower)
  make && tools/bench_circuit_torch.py [--attest build/attest] [--threads N] [--rounds N] [--pairs N]

Both do the same: Pythia-160M's shape with random weights, pairs of 20 tokens, scores of all
32,347 edges, both runs of each pair being done before. The PyTorch side works as the published library
does: a batch of 8 pairs, one backward pass a step, queries, keys and values of every head with an input
of their own, differences of all sources at hand, each step contracted with them; parameters want no
gradient. On one thread figures are CPU time, else wall time, of a pair and step (attest: 4 pairs, 30
steps; PyTorch: 5 steps); medians. Logits: of the last position only, which is less than the library
computes.
"""
import argparse, json, math, os, statistics, subprocess, sys, tempfile, time

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv[:-1] else "1"
os.environ.update(OMP_NUM_THREADS=THREADS, OPENBLAS_NUM_THREADS=THREADS)

import torch
import torch.nn.functional as F

LAYERS, HIDDEN, HEADS, FFN, VOCAB, LENGTH, STEPS = 12, 768, 12, 3072, 50304, 20, 5
D, ROTARY = HIDDEN // HEADS, HIDDEN // HEADS // 4


def normal(*shape):
    return torch.randn(*shape) * 0.02


def make():
    return {"embed": normal(VOCAB, HIDDEN), "head": normal(VOCAB, HIDDEN),
            "layers": [{"qkv": normal(3, HEADS, HIDDEN, D), "bias": normal(3, HEADS, D),
                        "output": normal(HEADS, D, HIDDEN), "output_bias": normal(HIDDEN),
                        "up": normal(HIDDEN, FFN), "up_bias": normal(FFN),
                        "down": normal(FFN, HIDDEN), "down_bias": normal(HIDDEN)}
                       for _ in range(LAYERS)]}


def norm(x):
    return F.layer_norm(x, (HIDDEN,))


def tables():
    angle = torch.outer(torch.arange(LENGTH), 10000.0 ** (-torch.arange(0, ROTARY, 2) / ROTARY))
    return angle.cos()[:, None], angle.sin()[:, None]


def rotate(x, cosine, sine):
    half = ROTARY // 2
    a, b, rest = x[..., :half], x[..., half:ROTARY], x[..., ROTARY:]
    return torch.cat((a * cosine - b * sine, b * cosine + a * sine, rest), -1)


def run(m, x, turn, sources=None, inputs=None):
    """Logits of the last position; appends what sources add, and what destinations read."""
    mask = torch.full((LENGTH, LENGTH), -math.inf).triu(1)
    if sources is not None:
        sources.append(x)
    for layer in m["layers"]:
        heads = x[:, :, None, None].expand(-1, -1, 3, HEADS, -1)  # an input for each
        mlp = x * 1
        if inputs is not None:
            heads = heads.clone()
            heads.retain_grad()
            mlp.retain_grad()
            inputs += [heads, mlp]
        q, k, v = (torch.einsum("bphi,hid->bphd", norm(heads[:, :, c]), layer["qkv"][c]) + layer["bias"][c]
                   for c in range(3))
        scores = torch.einsum("bqhd,bkhd->bhqk", rotate(q, *turn), rotate(k, *turn)) / math.sqrt(D) + mask
        z = torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v)
        added = torch.einsum("bphd,hdo->bpho", z, layer["output"])
        out = F.gelu(norm(mlp) @ layer["up"] + layer["up_bias"]) @ layer["down"] + layer["down_bias"]
        if sources is not None:
            sources += list(added.unbind(2)) + [out]
        x = x + added.sum(2) + layer["output_bias"] + out
    x = x * 1
    if inputs is not None:
        x.retain_grad()
        inputs.append(x)
    return norm(x[:, -1]) @ m["head"].T


def run_both(m, turn, clean, corrupted):
    ends = []
    with torch.no_grad():
        for tokens in (clean, corrupted):
            sources = []
            run(m, m["embed"][tokens], turn, sources)
            ends.append(torch.stack(sources, 2))
    return ends


def attribute(m, turn, ends, answers):
    count, part = 1 + LAYERS * (HEADS + 1), 3 * HEADS + 1
    scores = torch.zeros(count, LAYERS * part + 1)
    difference = ends[1] - ends[0]
    for k in range(1, STEPS + 1):
        start, stop = ends[1][:, :, 0], ends[0][:, :, 0]
        inputs = []
        x = (start + k / STEPS * (stop - start)).requires_grad_()
        logits = run(m, x, turn, None, inputs)
        rows = torch.arange(len(logits))
        (logits[rows, answers[:, 0]] - logits[rows, answers[:, 1]]).sum().backward()
        for i in range(LAYERS):
            seen = 1 + i * (HEADS + 1)
            heads = inputs[2 * i].grad.reshape(len(logits), LENGTH, 3 * HEADS, HIDDEN)
            for first, gradient in ((i * part, heads), (i * part + part - 1, inputs[2 * i + 1].grad[:, :, None])):
                scores[:seen, first:first + gradient.shape[2]] += torch.einsum(
                    "bpsh,bpdh->sd", difference[:, :, :seen], gradient)
        scores[:, -1] += torch.einsum("bpsh,bph->s", difference, inputs[-1].grad)
    return scores / STEPS


def attest(binary, shape="pythia-160m"):
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run([binary, "bench", "--only", "circuit", "--threads", THREADS, "--json", file.name,
                        "--quiet"], check=True)
        rows = [r for r in json.load(open(file.name))["circuit"] if r["shape"] == shape]
    return [r for r in rows if r["threads"] == int(THREADS)][0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attest", default="build/attest")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=8)
    a = parser.parse_args()
    torch.set_num_threads(int(THREADS))
    torch.manual_seed(1)
    clock = time.process_time if THREADS == "1" else time.perf_counter
    m, turn = make(), tables()
    clean = torch.randint(VOCAB, (a.pairs, LENGTH))
    corrupted = clean.clone()
    corrupted[:, ::2] = torch.randint(VOCAB, corrupted[:, ::2].shape)
    answers = torch.randint(VOCAB, (a.pairs, 2))
    ratios = []
    for _ in range(a.rounds):
        row = attest(a.attest)
        ours = row["seconds"] / row["pairs"] / row["steps"]
        ends = run_both(m, turn, clean, corrupted)
        start = clock()
        attribute(m, turn, ends, answers)
        theirs = (clock() - start) / a.pairs / STEPS
        ratios.append(theirs / ours)
        print(f"attest {ours:.3f} s a pair and step "
              f"({100 * row['fraction_of_peak']:.0f} % of peak), PyTorch {theirs:.3f}: "
              f"{ratios[-1]:.2f} times", flush=True)
    print(f"median: {statistics.median(ratios):.2f} times as fast")


if __name__ == "__main__":
    main()

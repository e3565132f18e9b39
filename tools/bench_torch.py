#!/usr/bin/python3
"""A training step of attest against eager PyTorch, in turns on this machine.

  apt-get install python3-torch libopenblas0-pthread     (torch 1.13; without OpenBLAS it takes
                                                          the reference BLAS, ten times slower)
  make && tools/bench_torch.py [--attest build/attest] [--threads N] [--rounds N] [--only SHAPE]

Both do the same: forward, backward, clipping by the global norm, AdamW, on the shapes of `attest bench
--only train`. On one thread figures are CPU time, else wall time; medians of all rounds' steps. The
PyTorch side is written as the usual Python stack runs these models: plain modules, an expert at a
time for the tokens that chose it, torch.optim.AdamW.
"""
import argparse, json, math, os, statistics, subprocess, sys, tempfile, time

# Before torch starts its pools, whose idle threads would spin and count as CPU time.
THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv[:-1] else "1"
os.environ.update(OMP_NUM_THREADS=THREADS, OPENBLAS_NUM_THREADS=THREADS)

import torch
import torch.nn.functional as F

SHAPES = {  # family, layers, hidden, heads, ffn, vocabulary, experts, top_k, sequences, tokens, steps
    "nursery-gpt_neox": ("gpt_neox", 4, 64, 4, 256, 98, 0, 0, 16, 64, 20),
    "nursery-olmo": ("olmo", 4, 64, 4, 176, 98, 0, 0, 16, 64, 20),
    "nursery-olmoe": ("olmoe", 4, 64, 4, 64, 98, 8, 2, 16, 64, 20),
    "olmo-10m": ("olmo", 8, 256, 4, 704, 8192, 0, 0, 16, 256, 2),
}


def matrix(rows, columns):
    return torch.nn.Parameter(torch.randn(rows, columns) / math.sqrt(columns))


class RmsNorm(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def rotate(x, cosine, sine):
    half = cosine.shape[-1]
    a, b, rest = x[..., :half], x[..., half:2 * half], x[..., 2 * half:]
    return torch.cat((a * cosine - b * sine, b * cosine + a * sine, rest), -1)


class Layer(torch.nn.Module):
    def __init__(self, family, hidden, heads, ffn, experts, top_k):
        super().__init__()
        self.family, self.heads, self.top_k = family, heads, top_k
        bias = family == "gpt_neox"
        norm = {"gpt_neox": lambda: torch.nn.LayerNorm(hidden),
                "olmo": lambda: torch.nn.LayerNorm(hidden, elementwise_affine=False),
                "olmoe": lambda: RmsNorm(hidden)}[family]
        self.norm1, self.norm2 = norm(), norm()
        self.qkv = torch.nn.Linear(hidden, 3 * hidden, bias=bias)
        self.output = torch.nn.Linear(hidden, hidden, bias=bias)
        if family == "gpt_neox":
            self.up, self.down = torch.nn.Linear(hidden, ffn), torch.nn.Linear(ffn, hidden)
        elif family == "olmo":
            self.gate, self.up = matrix(ffn, hidden), matrix(ffn, hidden)
            self.down = matrix(hidden, ffn)
        else:
            self.q_norm, self.k_norm = RmsNorm(hidden), RmsNorm(hidden)
            self.router = matrix(experts, hidden)
            self.experts = torch.nn.ParameterList(
                [m for _ in range(experts)
                 for m in (matrix(ffn, hidden), matrix(ffn, hidden), matrix(hidden, ffn))])

    def attention(self, x, tables):
        n, t, d = x.shape
        q, k, v = self.qkv(x).split(d, -1)
        if self.family == "olmoe":
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = (y.view(n, t, self.heads, -1).transpose(1, 2) for y in (q, k, v))
        q, k = rotate(q, *tables[:2]), rotate(k, *tables[:2])
        scores = q @ k.transpose(-1, -2) / math.sqrt(d // self.heads) + tables[2]
        y = torch.softmax(scores, -1) @ v
        return self.output(y.transpose(1, 2).reshape(n, t, d))

    def mixture(self, x):
        flat = x.reshape(-1, x.shape[-1])
        logits = flat @ self.router.t()
        p = torch.softmax(logits, -1)
        weights, chosen = p.topk(self.top_k, -1)
        count = p.shape[-1]
        mask = F.one_hot(chosen, count)
        out = torch.zeros_like(flat)
        for e in range(count):
            token, rank = torch.where(chosen == e)
            gate, up, down = self.experts[3 * e:3 * e + 3]
            rows = flat[token]
            y = (F.silu(rows @ gate.t()) * (rows @ up.t())) @ down.t()
            out.index_add_(0, token, y * weights[token, rank, None])
        load = mask.sum(1).float().mean(0)
        self.auxiliary = (0.01 * count * (load * p.mean(0)).sum()
                          + 0.001 * torch.logsumexp(logits, -1).pow(2).mean())
        return out.view_as(x)

    def mlp(self, x):
        if self.family == "gpt_neox":
            return self.down(F.gelu(self.up(x)))
        if self.family == "olmo":
            return (F.silu(x @ self.gate.t()) * (x @ self.up.t())) @ self.down.t()
        return self.mixture(x)

    def forward(self, x, tables):
        if self.family == "gpt_neox":
            return x + self.attention(self.norm1(x), tables) + self.mlp(self.norm2(x))
        x = x + self.attention(self.norm1(x), tables)
        return x + self.mlp(self.norm2(x))


class Model(torch.nn.Module):
    def __init__(self, family, layers, hidden, heads, ffn, vocab, experts, top_k, tokens):
        super().__init__()
        self.family = family
        self.embedding = torch.nn.Embedding(vocab, hidden)
        self.layers = torch.nn.ModuleList(
            [Layer(family, hidden, heads, ffn, experts, top_k) for _ in range(layers)])
        self.norm = (torch.nn.LayerNorm(hidden) if family == "gpt_neox" else
                     torch.nn.LayerNorm(hidden, elementwise_affine=False) if family == "olmo" else
                     RmsNorm(hidden))
        self.head = torch.nn.Linear(hidden, vocab, bias=False)
        rotated = hidden // heads // (4 if family == "gpt_neox" else 1)
        angles = torch.outer(torch.arange(tokens).float(),
                             10000.0 ** (-torch.arange(0, rotated, 2).float() / rotated))
        mask = torch.full((tokens, tokens), float("-inf")).triu(1)
        self.tables = angles.cos(), angles.sin(), mask

    def loss(self, tokens):
        x = self.embedding(tokens[:, :-1])
        for layer in self.layers:
            x = layer(x, self.tables)
        logits = self.head(self.norm(x))
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        if self.family == "olmoe":
            loss = loss + sum(layer.auxiliary for layer in self.layers)
        return loss


class Torch:
    def __init__(self, shape, threads):
        *model, sequences, tokens, self.steps = SHAPES[shape]
        torch.manual_seed(1)
        self.model = Model(*model, tokens)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, betas=(0.9, 0.98),
                                           eps=1e-8, weight_decay=0.1)
        self.tokens = torch.randint(0, model[5], (sequences, tokens + 1))
        self.clock = time.process_time if threads == 1 else time.perf_counter
        self.parameters = sum(p.numel() for p in self.model.parameters())

    def step(self):
        start = self.clock()
        self.optimizer.zero_grad(set_to_none=True)
        self.model.loss(self.tokens).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return 1e3 * (self.clock() - start)


def attest_step(program, threads):
    """Milliseconds of a step of every shape, by one short run."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run([program, "bench", "--only", "train", "--quick", "--quiet", "--threads",
                        str(threads), "--json", out.name], check=True)
        rows = json.load(open(out.name))["train"]
    return {r["shape"]: r for r in rows if r["threads"] == threads}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attest", default="build/attest")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=SHAPES)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shapes = [options.only] if options.only else list(SHAPES)
    runs = {shape: Torch(shape, options.threads) for shape in shapes}
    theirs, ours, share = {s: [] for s in shapes}, {s: [] for s in shapes}, {}
    for run in runs.values():
        run.step()  # not counted
    for _ in range(options.rounds):
        rows = attest_step(options.attest, options.threads)
        for shape in shapes:
            ours[shape].append(rows[shape]["milliseconds"])
            share[shape] = rows[shape]["fraction_of_peak"]
            theirs[shape] += [runs[shape].step() for _ in range(runs[shape].steps)]
    print(f"torch {torch.__version__}, {options.threads} thread(s), ms a step, medians")
    print(f"{'shape':18}{'parameters':>11}{'torch':>10}{'attest':>10}{'ratio':>8}{'of peak':>9}")
    for shape in shapes:
        a, b = statistics.median(theirs[shape]), statistics.median(ours[shape])
        print(f"{shape:18}{runs[shape].parameters:11}{a:10.1f}{b:10.1f}{a / b:8.2f}{share[shape]:9.0%}")


if __name__ == "__main__":
    sys.exit(main())

// Makes tests/fixtures/tokenizers.tar.zst: small tokenizers of every supported kind, trained here on text that is
// generated here, and texts with the ids that two independent implementations give: the tokenizers library itself
// (Rust, as @anush008/tokenizers ships it) and @huggingface/tokenizers (JavaScript). Where the two differ the library
// counts, and the difference is printed; nothing of attest is used.
//
//   npm install --prefix DIR @anush008/tokenizers@0.6.0 @huggingface/tokenizers@0.2.0
//   node tools/tokenizer_fixture.mjs DIR OUT     writes OUT/NAME/tokenizer.json and OUT/NAME/texts.jsonl
//   tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --zstd -C OUT/.. -cf tokenizers.tar.zst tokenizers
import { createRequire } from "module";
import fs from "fs";
import path from "path";

const [dir, out] = process.argv.slice(2);
const load = createRequire(path.resolve(dir, "node_modules", "x.js"));
const rust = load("@anush008/tokenizers");
const script = load("@huggingface/tokenizers");

// xorshift32: the same texts on every machine.
let state = 20261127;
function below(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
}
const pick = (list) => list[below(list.length)];

// --- text ---------------------------------------------------------------------------------------------------

const words = ("the of and to in is that it was for on are with they at be this from have or by one had not but what " +
  "all were when we there can an your which said their if will do each about how up out then many some these would " +
  "other into has more write go see number way could people than first water been called who oil now find long " +
  "Weather Harbour Lantern Quartz meadow bridge copper violin thunder pencil garden market winter island " +
  "don't I'm you're we've they'll he'd it's CAN'T WE'LL naïve café Straße übung œuvre jalapeño").split(" ");
const others = ["Привет мир", "日本語のテキスト", "한국어 문장", "ελληνικά γράμματα", "עברית", "العربية ١٢٣", "हिन्दी पाठ",
  "ไทย", "١٢٣٤٥٦٧", "Ⅳ ½ ²³", "e\u0301a\u0308o\u0302", "\u1112\u1161\u11ab", "a\u0323\u0307", "ǆ ǅ", "ﬁ ﬂ", "ſ 'ſ"];
const emoji = ["😀", "👩‍👩‍👧‍👦", "🇨🇭", "👍🏽", "❤️", "✨✨", "🏳️‍🌈"];
const spaces = [" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n", "\n ", "\u00a0", "\u2003", "\u3000", "\u2028", "\u0085",
  "\u200b", "\ufeff", "        ", "\t\t\t", "  \n  \n  ", "\v", "\f"];
const signs = ["!", "?!", "...", "--", "//", "(x)", "[0]", "{};", "#", "$9.99", "a_b", "=>", "“q”", "—", "§", "€", "\\n",
  "'", "''", "'s", "'S", "'LL", "'Re", "'ve ", "'m'd't", "’s"];
const digits = () => String(below(10 ** (1 + below(9))));

// Assigned in Unicode 15, so that all tables agree; of all planes.
const ranges = [[0x20, 0x7e], [0xa1, 0x17f], [0x300, 0x36f], [0x391, 0x3a1], [0x410, 0x44f], [0x5d0, 0x5ea], [0x620, 0x64a],
  [0x660, 0x669], [0x905, 0x939], [0x93e, 0x94d], [0xe01, 0xe3a], [0x1100, 0x1112], [0x1161, 0x1175], [0x11a8, 0x11c2],
  [0x1e00, 0x1eff], [0x2000, 0x2027], [0x2070, 0x2071], [0x2150, 0x2188], [0x2190, 0x21ff], [0x3041, 0x3096],
  [0x4e00, 0x9fa5], [0xac00, 0xd7a3], [0xe000, 0xe010], [0xf900, 0xf930], [0xfb00, 0xfb06], [0xff01, 0xff5a],
  [0x10400, 0x1044f], [0x1d400, 0x1d454], [0x1f300, 0x1f5ff], [0x20000, 0x200ff], [0x2f800, 0x2f80f], [0xe0100, 0xe01ef]];
function anything() {
  const [low, high] = pick(ranges);
  return String.fromCodePoint(low + below(high - low + 1));
}

function sentence() {
  let s = "";
  for (let n = 3 + below(12); n > 0; n--) s += pick(words) + (below(8) ? " " : pick([", ", ". ", "; ", "\n", " - "]));
  return s;
}
function mixture(specials) {
  const kinds = [() => pick(words), () => " " + pick(words), () => pick(others), () => pick(emoji), () => pick(spaces),
    () => pick(spaces), () => pick(signs), digits, anything, anything, () => pick(words).toUpperCase(),
    () => (specials.length ? pick(specials) : " ")];
  let s = "";
  for (let n = 1 + below(9); n > 0; n--) s += pick(kinds)();
  return s;
}

// --- training -----------------------------------------------------------------------------------------------

const plain = (b) => (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b !== 0xad);
const letters = [];
for (let b = 0, next = 256; b < 256; b++) letters[b] = String.fromCodePoint(plain(b) ? b : next++);
const spell = (s) => Array.from(Buffer.from(s, "utf8"), (b) => letters[b]);

// The most frequent pair again and again, of equally frequent ones the first by text.
function train(pieces, merges) {
  const counts = new Map();
  for (const p of pieces) counts.set(p, (counts.get(p) || 0) + 1);
  const corpus = [...counts].map(([p, n]) => [spell(p), n]);
  const vocab = [...letters].sort(), rules = [], known = new Set(vocab);
  while (rules.length < merges) {
    const pairs = new Map();
    for (const [w, n] of corpus)
      for (let i = 0; i + 1 < w.length; i++) {
        const key = w[i] + " " + w[i + 1];
        pairs.set(key, (pairs.get(key) || 0) + n);
      }
    let best = null;
    for (const [k, n] of pairs) if (!best || n > best[1] || (n === best[1] && k < best[0])) best = [k, n];
    if (!best || best[1] < 2) break;
    const [a, b] = best[0].split(" ");
    rules.push([a, b]);
    if (!known.has(a + b)) vocab.push(a + b), known.add(a + b);
    for (const item of corpus) {
      const w = item[0], joined = [];
      for (let i = 0; i < w.length; i++)
        if (w[i] === a && w[i + 1] === b) joined.push(a + b), i++;
        else joined.push(w[i]);
      item[0] = joined;
    }
  }
  return { vocab: Object.fromEntries(vocab.map((t, i) => [t, i])), rules };
}

// --- tokenizers ---------------------------------------------------------------------------------------------

const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const modern = (numbers) => "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" + numbers +
  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const GPT4 = "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|" +
  "\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";
const byteLevel = (more) => ({ type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true, ...more });
const split = (Regex, behavior = "Isolated", invert = false) => ({ type: "Split", pattern: { Regex }, behavior, invert });
const sequence = (...pretokenizers) => ({ type: "Sequence", pretokenizers });
const raw = byteLevel({ use_regex: false });
const added = (content, more) => ({ content, single_word: false, lstrip: false, rstrip: false, normalized: false,
  special: true, ...more });
const end = added("<|endoftext|>");

const kinds = {
  gpt2: { pre: byteLevel(), specials: [end] },
  "gpt2-prefix": { pre: byteLevel({ add_prefix_space: true }), specials: [end] },
  // As GPT-NeoX: runs of blanks are tokens, found in the normalized text.
  neox: { nfc: { type: "NFC" }, pre: byteLevel(), specials: [end, added("<|padding|>"),
    ...[24, 23, 12, 8, 5, 4, 3, 2].map((n) => added(" ".repeat(n), { normalized: true, special: false }))] },
  llama3: { pre: sequence(split(modern("\\p{N}{1,3}")), raw), ignore: true, pairs: true,
    specials: [added("<|begin|>"), added("<|end|>")],
    post: { type: "Sequence", processors: [byteLevel(), { type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<|begin|>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }], special: ["<|begin|>"] }] } },
  qwen2: { nfc: { type: "Sequence", normalizers: [{ type: "NFC" }] }, pre: sequence(split(modern("\\p{N}")), raw),
    specials: [end, added("<|im_start|>"), added("<|im_start")] },
  gpt4: { pre: sequence(split(GPT4, "Removed", true), raw), pairs: true, specials: [] },
  digits: { pre: sequence({ type: "Digits", individual_digits: true }, byteLevel()), specials: [end] },
  numbers: { pre: sequence({ type: "Digits", individual_digits: false }, split(GPT2), byteLevel({ use_regex: false,
    add_prefix_space: true })), specials: [] },
  // Tokens that strip, that overlap, that are found as written or normalized.
  strip: { nfc: { type: "NFC" }, pre: byteLevel(), specials: [added("<mask>", { lstrip: true }),
    added("<r>", { rstrip: true }), added("<both>", { lstrip: true, rstrip: true }), added("  ", { special: false }),
    added("é", { normalized: true, special: false }), added("e\u0301x", { normalized: true, special: false }),
    added("wa", { special: false }), added("water", { special: false })] },
};

function make(name, kind) {
  const pieces = [];
  const file = { version: "1.0", truncation: null, padding: null, added_tokens: [], normalizer: kind.nfc || null,
    pre_tokenizer: kind.pre, post_processor: null, decoder: byteLevel(), model: { type: "BPE", dropout: null,
      unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false,
      ignore_merges: !!kind.ignore, vocab: {}, merges: [] } };
  const cutter = rust.Tokenizer.fromString(JSON.stringify({ ...file, pre_tokenizer: kind.pre })).getPreTokenizer();
  const bytes = new Map(letters.map((l, b) => [l, b]));
  for (let i = 0; i < 400; i++)
    for (const [word] of cutter.preTokenizeString(i % 4 ? sentence() : mixture([])))
      pieces.push(Buffer.from(Array.from(word, (l) => bytes.get(l))).toString("utf8"));
  const { vocab, rules } = train(pieces, 320);
  // Tokens that merges do not reach: where merges are ignored, a word that is one is it.
  if (kind.ignore)
    for (const w of ["supercalifragilistic", ...words.slice(0, 12)])
      for (const t of [w.toUpperCase(), "Ġ" + w.toUpperCase(), w]) vocab[t] ??= Object.keys(vocab).length;
  let next = Object.keys(vocab).length;
  file.model.vocab = vocab;
  file.model.merges = kind.pairs ? rules : rules.map((r) => r.join(" "));
  file.added_tokens = kind.specials.map((t) => ({ id: vocab[t.content] ?? next++, ...t }));
  if (kind.post) {
    const template = kind.post.processors[1], id = file.added_tokens[0].id;
    template.special_tokens = { "<|begin|>": { id: "<|begin|>", ids: [id], tokens: ["<|begin|>"] } };
    file.post_processor = kind.post;
  }
  return file;
}

const fixed = ["", " ", "a", "Hello, World! It's 2026.", "  leading and trailing  ", "\n\n\n", "x\n", " \n x", "a  b   c    d",
  "I'LL 'll we'RE", "'ſx 'ſ", "12345678901234567890", "v1.0.3-rc2", "e\u0301e\u0301", "\u1112\u1161\u11ab\u1112\u1161",
  "a\u0000b", "tabs\t\tand\u00a0nbsp", "end of line \r\n next", "😀😀", "\u0301x", "ab\u0301\u0323", "supercalifragilistic"];

let differences = 0;
for (const [name, kind] of Object.entries(kinds)) {
  const file = make(name, kind), text = JSON.stringify(file);
  const library = rust.Tokenizer.fromString(text), other = new script.Tokenizer(file, {});
  const specials = kind.specials.flatMap((t) => [t.content, " " + t.content + " ", t.content + "  "]);
  const lines = [];
  for (let i = 0; i < fixed.length + 260; i++) {
    const s = i < fixed.length ? fixed[i] : i % 3 ? mixture(specials) : sentence() + mixture(specials);
    const ids = (await library.encode(s, null, { addSpecialTokens: false })).getIds();
    const special = (await library.encode(s, null, { addSpecialTokens: true })).getIds();
    const js = other.encode(s, { add_special_tokens: false }).ids;
    if (JSON.stringify(js) !== JSON.stringify(ids)) {
      differences++;
      if (process.env.SHOW) console.log(name, JSON.stringify(s), "library", ids, "JavaScript", js);
    }
    lines.push(JSON.stringify(special.length === ids.length ? { text: s, ids } : { text: s, ids, special }));
  }
  fs.mkdirSync(path.join(out, name), { recursive: true });
  fs.writeFileSync(path.join(out, name, "tokenizer.json"), text + "\n");
  fs.writeFileSync(path.join(out, name, "texts.jsonl"), lines.join("\n") + "\n");
  console.log(`${name}: ${Object.keys(file.model.vocab).length} tokens, ${lines.length} texts`);
}
console.log(`texts for which the JavaScript implementation differs from the library: ${differences}`);

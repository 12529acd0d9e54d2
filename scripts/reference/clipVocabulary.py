"""The part of CLIP's byte-pair vocabulary that a few texts need, with the ids and the order of the whole: vocab.json and merges.txt.

`--bpe PATH` is the published bpe_simple_vocab_16e6.txt.gz. A merge is kept when its result occurs in one of the words; encoding such a word looks at
no other merge, so the result is that of the full vocabulary. Ids of the fixture's texts were computed with the full one.
"""
import argparse
import gzip
import json
from pathlib import Path

TEXTS = ["golden horse", "photo of golden horse.", "golden horse over a green screen.", "golden horse...", "swan rubik's cube!", "swarovski blue crystal swan"]
OUT = Path(__file__).resolve().parents[2] / 'test' / 'fixtures' / 'clipTokenizer'


def byte_characters():
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printed]
    return [chr(b) for b in printed] + [chr(256 + i) for i in range(len(rest))]


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--bpe', required=True)
    lines = gzip.open(p.parse_args().bpe, 'rt', encoding='utf-8').read().split('\n')
    merges = lines[1:49152 - 256 - 2 + 1]
    characters = byte_characters()
    tokens = characters + [c + '</w>' for c in characters] + [''.join(m.split()) for m in merges] + ['<|startoftext|>', '<|endoftext|>']
    ids = {token: i for i, token in enumerate(tokens)}
    words = {word + '</w>' for text in TEXTS for word in text.replace("'s", " 's ").replace('.', ' . ').replace('!', ' ! ').split()} | {'...</w>'}
    kept = [m for m in merges if any(''.join(m.split()) in word for word in words)]
    vocab = {t: ids[t] for t in tokens if len(t.replace('</w>', '')) == 1 or t.startswith('<|') or t in {''.join(m.split()) for m in kept}}
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / 'vocab.json').write_text(json.dumps(vocab, ensure_ascii=False, indent=0) + '\n', encoding='utf-8')
    (OUT / 'merges.txt').write_text('#version: 0.2\n' + '\n'.join(kept) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()

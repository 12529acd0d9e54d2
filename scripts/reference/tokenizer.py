"""What the reference tokenizers make of 2,000 texts (`texts.py`), and Python of HTML: test/fixtures/clipTokenizer/{texts,html}.json.gz and layouts.json.

`--clip PATH` is a checkout of CLIP (`clip/simple_tokenizer.py` and its vocabulary are used). Needs ftfy 6.3.1, regex and tokenizers 0.23.
`--trial COUNT SEED FOLDER` writes other texts and their ids as plain JSON into a folder, for a longer look.
"""
import argparse
import gzip
import html
import html.entities
import json
import sys
import unicodedata
from pathlib import Path

import ftfy
from tokenizers import Tokenizer, normalizers

from texts import Texts

OUT = Path(__file__).resolve().parents[2] / 'test' / 'fixtures' / 'clipTokenizer'
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def layout(words, start_normalized):
    """A tokenizer.json as the repositories of CLIP publish it, before vocabulary and merges."""
    token = lambda i, content, normalized: {'id': i, 'content': content, 'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': normalized, 'special': True}
    return {
        'version': '1.0', 'truncation': None, 'padding': None,
        'added_tokens': [token(49406, '<|startoftext|>', start_normalized), token(49407, '<|endoftext|>', False)],
        'normalizer': {'type': 'Sequence', 'normalizers': [{'type': 'NFC'}, {'type': 'Replace', 'pattern': {'Regex': '\\s+'}, 'content': ' '}, {'type': 'Lowercase'}]},
        'pre_tokenizer': {'type': 'Sequence', 'pretokenizers': [{'type': 'Split', 'pattern': {'Regex': words}, 'behavior': 'Removed', 'invert': True},
                                                                {'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': True, 'use_regex': True}]},
        'post_processor': {'type': 'RobertaProcessing', 'sep': ['<|endoftext|>', 49407], 'cls': ['<|startoftext|>', 49406], 'trim_offsets': False, 'add_prefix_space': False},
        'decoder': {'type': 'ByteLevel', 'add_prefix_space': True, 'trim_offsets': True, 'use_regex': True},
        'model': {'type': 'BPE', 'dropout': None, 'unk_token': '<|endoftext|>', 'continuing_subword_prefix': '', 'end_of_word_suffix': '</w>', 'fuse_unk': False, 'byte_fallback': False},
    }


# As openai/clip-vit-base-patch32 has it; and as it is made of vocab.json and merges.txt.
LAYOUTS = {'published': layout(r'<\|startoftext\|>|<\|endoftext\|>|' + WORDS, True), 'converted': layout(WORDS, False)}


def load(published, simple, pairs):
    """The layout with the vocabulary of CLIP; newer files write each merge as a pair."""
    merges = [list(pair) if pairs else ' '.join(pair) for pair in simple.bpe_ranks]
    return Tokenizer.from_str(json.dumps({**published, 'model': {**published['model'], 'vocab': simple.encoder, 'merges': merges}}))


def stable(text):
    """Whether every Unicode version in use reads the text alike: mojibake may hide characters that are not assigned yet, and the normalizer of Hugging Face
    knows no combining mark that is younger than Unicode 9."""
    seen = html.unescape(html.unescape(ftfy.fix_text(text))) + text
    known = all(unicodedata.category(c) != 'Cn' or 0xfdd0 <= ord(c) < 0xfdf0 or ord(c) & 0xfffe == 0xfffe for c in seen)
    valid = text.encode('utf-16-le', 'surrogatepass').decode('utf-16-le', 'replace')
    return known and normalizers.NFC().normalize_str(valid) == unicodedata.normalize('NFC', valid)


def encode(texts, simple):
    """Ids without begin and end, by each reference. Lone surrogates, which Python strings may hold, are U+FFFD for Hugging Face."""
    valid = [text.encode('utf-16-le', 'surrogatepass').decode('utf-16-le', 'replace') for text in texts]
    ids = {'simple': [simple.encode(text) for text in texts]}
    for name, published in LAYOUTS.items():
        strings, pairs = ([e.ids[1:-1] for e in load(published, simple, as_pairs).encode_batch(valid)] for as_pairs in (False, True))
        assert strings == pairs
        ids[name] = strings
    return ids


def html_references():
    """Every named reference of HTML 5, whole, cut, with letters behind it; numbers at the edges of every rule; and what `html.unescape` makes of them."""
    names = sorted({name.rstrip(';') for name in html.entities.html5})
    texts = [f'&{name}{behind}' for name in names for behind in (';', '', 'x', '=')] + [f'&{name[:-1]}' for name in names]
    codes = [*range(0x180), *range(0xd7fe, 0xd802), *range(0xdffe, 0xe002), *range(0xfdce, 0xfdf2), *range(0xfffc, 0x10002), 0x1fffe, 0x10fffd, 0x10fffe, 0x10ffff, 0x110000, 10**12, 2**32 + 65]
    texts += [form.format(code) for code in codes for form in ('&#{};', '&#{}', '&#x{:x};', '&#X{:X}z')]
    return [[text, html.unescape(text)] for text in texts]


def write(name, value):
    with gzip.GzipFile(OUT / name, 'wb', 9, mtime=0) as file: file.write(json.dumps(value, separators=(',', ':')).encode())
    print(f'{name}: {(OUT / name).stat().st_size} bytes')


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--clip', required=True)
    p.add_argument('--trial', nargs=3)
    a = p.parse_args()
    sys.path.insert(0, str(Path(a.clip) / 'clip'))
    from simple_tokenizer import SimpleTokenizer
    simple = SimpleTokenizer()
    if a.trial:
        count, seed, folder = int(a.trial[0]), int(a.trial[1]), Path(a.trial[2])
        texts = Texts(seed).draw(count, stable)
        (folder / 'trial.json').write_text(json.dumps({'texts': texts, **encode(texts, simple)}))
        return
    texts = Texts(1).draw(2000, stable)
    ids = encode(texts, simple)
    # Where Hugging Face agrees with CLIP's own tokenizer, null stands for its ids.
    shorter = {name: [None if own == clip else own for own, clip in zip(ids[name], ids['simple'])] for name in LAYOUTS}
    OUT.mkdir(parents=True, exist_ok=True)
    write('texts.json.gz', {'texts': texts, 'simple': ids['simple'], **shorter})
    write('html.json.gz', html_references())
    (OUT / 'layouts.json').write_text(json.dumps(LAYOUTS, indent=1) + '\n')
    print(f'{len(texts)} texts, {sum(map(len, ids["simple"]))} tokens, {sum(len(t) > 75 for t in ids["simple"])} too long')
    for name in LAYOUTS: print(f'{name}: {sum(t is not None for t in shorter[name])} texts differ from CLIP\'s own tokenizer')


if __name__ == '__main__':
    main()
